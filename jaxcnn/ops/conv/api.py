"""`jax.lax.conv_general_dilated` with a lowering of its own on CPU, and gradients of any order.

A convolution is bilinear, so three operations are closed under differentiation: the convolution,
its gradient to the input and its gradient to the kernel. Each is a custom_vjp whose rule calls the
other two: autodiff never looks inside a per_platform, at any order.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.ops.conv import canonical, cpu, xla
from jaxcnn.ops.conv.window import Padding, Shape, Sliding, pad_spatial
from jaxcnn.xla.materialize import materialize
from jaxcnn.xla.platform import per_platform


def conv_general_dilated(
    lhs: jax.Array,
    rhs: jax.Array,
    window_strides: Sequence[int],
    padding: Padding,
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    batch_group_count: int = 1,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> jax.Array:
    """`jax.lax.conv_general_dilated`, faster on CPU; gradients of any order are reverse-mode only.

    Args:
        lhs: input; [N, H, W, C] for the fast paths.
        rhs: kernel; [KH, KW, C / feature_group_count, features] for the fast paths.
        padding: "SAME", "VALID", "SAME_LOWER" or a (low, high) pair per spatial dimension.

    Returns:
        The convolution, [N, OH, OW, features] for NHWC inputs, in the inputs' dtype; products of
        bfloat16 are summed in float32.

    Raises:
        TypeError, ValueError: as `jax.lax.conv_general_dilated` does.
    """
    plain = partial(
        lax.conv_general_dilated,
        lhs,
        rhs,
        window_strides,
        padding,
        lhs_dilation,
        rhs_dilation,
        dimension_numbers,
        feature_group_count,
        batch_group_count,
        precision,
        preferred_element_type,
    )
    supported = (
        lhs.ndim == rhs.ndim == 4
        and lhs.dtype == rhs.dtype
        and lhs.dtype in (jnp.float32, jnp.bfloat16)
        and preferred_element_type in (None, lhs.dtype)
        and lax.conv_dimension_numbers(lhs.shape, rhs.shape, dimension_numbers) == xla.NHWC_HWIO
        and batch_group_count == 1
        and tuple(lhs_dilation or (1, 1)) == (1, 1)
        and lhs.shape[3] == rhs.shape[2] * feature_group_count
        and rhs.shape[3] % feature_group_count == 0
        and len(window_strides) == 2
        and min(window_strides) > 0
        and lhs.size > 0
    )
    if not supported:
        return plain()
    dilation = tuple(rhs_dilation or (1, 1))
    if isinstance(padding, str):
        span = [(k - 1) * d + 1 for k, d in zip(rhs.shape[:2], dilation, strict=True)]
        padding = lax.padtype_to_pads(lhs.shape[1:3], span, window_strides, padding)
    window = Sliding(
        strides=tuple(window_strides),
        padding=tuple((int(lo), int(hi)) for lo, hi in padding),
        dilation=dilation,
        groups=feature_group_count,
        precision=precision,
    )
    if 0 in window.output_size(lhs.shape[1:3], rhs.shape[:2]):
        return plain()
    # XLA's code for CPUs reads beyond the input where padding takes away from it.
    crop = [(min(lo, 0), min(hi, 0)) for lo, hi in window.padding]
    if crop != [(0, 0), (0, 0)]:
        lhs = pad_spatial(lhs, crop)
        padding = tuple((max(lo, 0), max(hi, 0)) for lo, hi in window.padding)
        window = window._replace(padding=padding)
    return _conv(window, lhs, rhs)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _conv(window: Sliding, x: jax.Array, w: jax.Array) -> jax.Array:
    return per_platform(cpu.forward, xla.forward, (window,), x, w)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _input_grad(window: Sliding, x_shape: Shape, g: jax.Array, w: jax.Array) -> jax.Array:
    return per_platform(cpu.input_grad, xla.input_grad, (window, x_shape), g, w)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _weight_grad(window: Sliding, w_shape: Shape, x: jax.Array, g: jax.Array) -> jax.Array:
    on_cpu = cpu.fastest(window, x.shape, w_shape).weight_grad
    return per_platform(on_cpu, xla.weight_grad, (window, w_shape), x, g)


def _conv_bwd(window, residuals, g):
    x, w = residuals
    return _input_grad(window, x.shape, g, w), _weight_grad(window, w.shape, x, g)


def _input_grad_bwd(window, x_shape, residuals, ct):
    g, w = residuals
    return _conv(window, ct, w), _weight_grad(window, w.shape, ct, g)


def _weight_grad_bwd(window, w_shape, residuals, ct):
    x, g = residuals
    return _input_grad(window, x.shape, g, ct), _conv(window, x, ct)


def _conv_fwd(window, x, w):
    # XLA's kernel gradient reads x transposed: from memory, or it computes x anew while it strides.
    if cpu.fastest(window, x.shape, w.shape).weight_grad is canonical.weight_grad:
        x = materialize(x)
    return _conv(window, x, w), (x, w)


_conv.defvjp(_conv_fwd, _conv_bwd)
_input_grad.defvjp(
    lambda window, shape, g, w: (_input_grad(window, shape, g, w), (g, w)), _input_grad_bwd
)
_weight_grad.defvjp(
    lambda window, shape, x, g: (_weight_grad(window, shape, x, g), (x, g)), _weight_grad_bwd
)
