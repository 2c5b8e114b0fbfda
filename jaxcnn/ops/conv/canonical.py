"""XLA's gradients of a convolution, written in the one layout that its CPU code is fast in.

In an entry computation XLA's CPU compiler brings a convolution to [N, H, W, C] and [KH, KW, C, F]
by itself; in the body of a loop it does not, and a gradient as autodiff writes it runs one product
after the other there. With the transpositions spelt out it is the same convolution everywhere.
"""

import jax
from jax import lax

from jaxcnn.ops.conv import xla
from jaxcnn.ops.conv.window import Shape, Sliding, transposed_kernel


def input_grad(window: Sliding, x_shape: Shape, g: jax.Array, w: jax.Array) -> jax.Array:
    size, kernel = g.shape[1:3], w.shape[:2]
    # What meets the first and the last input is as far from them as the kernel reaches.
    reach = [(k - 1) * d for k, d in zip(kernel, window.dilation, strict=True)]
    padding = [
        (r - lo, n + lo - (m - 1) * s - 1)
        for r, n, m, s, (lo, _) in zip(
            reach, x_shape[1:3], size, window.strides, window.padding, strict=True
        )
    ]
    return lax.conv_general_dilated(
        g,
        transposed_kernel(w, window.groups),
        (1, 1),
        padding,
        lhs_dilation=window.strides,
        rhs_dilation=window.dilation,
        dimension_numbers=xla.NHWC_HWIO,
        feature_group_count=window.groups,
        precision=window.precision,
    )


def weight_grad(window: Sliding, w_shape: Shape, x: jax.Array, g: jax.Array) -> jax.Array:
    """Of a dense kernel: channels take the batch's place, and the batch that of the channels."""
    padding = [
        (lo, (m - 1) * s + (k - 1) * d + 1 - n - lo)
        for n, m, k, s, d, (lo, _) in zip(
            x.shape[1:3],
            g.shape[1:3],
            w_shape[:2],
            window.strides,
            window.dilation,
            window.padding,
            strict=True,
        )
    ]
    dw = lax.conv_general_dilated(
        x.transpose(3, 1, 2, 0),  # [C, H, W, N]
        g.transpose(1, 2, 0, 3),  # [OH, OW, N, F]
        window.dilation,
        padding,
        rhs_dilation=window.strides,
        dimension_numbers=xla.NHWC_HWIO,
        precision=window.precision,
    )
    return dw.transpose(1, 2, 0, 3)
