"""Convolution in groups, some of which are taken together: as one, its kernel zero between them.

XLA takes longer the smaller the groups are, and seconds for the gradient to the kernel. Measured
against it, as `cpu` says; forward and back to the input, large ones are oneDNN's:

    convolution                       batch    XLA                 here
    3x3, 14x14x512, 32 groups            16    14 / 13 / 3733      2.1 / 2.7 / 11
"""

import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.ops.chunks import largest_divisor
from jaxcnn.ops.conv import canonical, patches, xla
from jaxcnn.ops.conv.window import Shape, Sliding

_CHANNELS_TOGETHER = 32


def _groups_together(window: Sliding, channels: int) -> int:
    """How many groups of so many channels become one."""
    return largest_divisor(window.groups, _CHANNELS_TOGETHER // channels)


def _widen(window: Sliding, w: jax.Array) -> tuple[Sliding, jax.Array]:
    """The same convolution with fewer, wider groups."""
    together = _groups_together(window, w.shape[2])
    groups = window.groups // together
    parts = w.reshape(*w.shape[:3], groups, together, -1)
    diagonal = jnp.eye(together, dtype=w.dtype)
    wide = jnp.einsum("hwcgtf,st->hwscgtf", parts, diagonal)
    shape = (*w.shape[:2], together * w.shape[2], w.shape[3])
    return window._replace(groups=groups), wide.reshape(shape)


def forward(window: Sliding, x: jax.Array, w: jax.Array) -> jax.Array:
    window, w = _widen(window, w)
    return xla.forward(window, x, w)


def input_grad(window: Sliding, x_shape: Shape, g: jax.Array, w: jax.Array) -> jax.Array:
    window, w = _widen(window, w)
    return canonical.input_grad(window, x_shape, g, w)


def weight_grad(window: Sliding, w_shape: Shape, x: jax.Array, g: jax.Array) -> jax.Array:
    channels, features = w_shape[2], w_shape[3] // window.groups  # of a group
    together = _groups_together(window, channels)
    shape = (*w_shape[:2], together * channels, together * features)
    dense = window._replace(groups=1)

    def of_groups(first: jax.Array) -> jax.Array:
        x_part = lax.dynamic_slice_in_dim(x, first * channels, shape[2], axis=3)
        g_part = lax.dynamic_slice_in_dim(g, first * features, shape[3], axis=3)
        dw = patches.weight_grad(dense, shape, x_part, g_part)
        dw = dw.reshape(*w_shape[:2], together, channels, together, features)
        return jnp.diagonal(dw, axis1=2, axis2=4)  # [KH, KW, channels, features, together]

    dw = lax.map(of_groups, jnp.arange(0, window.groups, together))
    return jnp.moveaxis(dw, (0, 5, 4), (3, 4, 5)).reshape(w_shape)
