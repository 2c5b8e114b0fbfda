"""Few channels and many examples: on CPU the batch is the axis to have innermost.

XLA's loops go over an array as it lies, and one over 6 channels with a bias is not vectorised. It
gives what lies between two operations in such an order, be it a tanh, the order of its neighbours.

As `on_one_device` is, these are for rules of a `custom_vjp`: they are not differentiated.
"""

import jax

from jaxcnn.xla.materialize import materialize
from jaxcnn.xla.one_device import on_one_device

MOST_CHANNELS = 16
# Two loads of an AVX-512 register.
LEAST_EXAMPLES = 32


def pays(n: int, channels: int) -> bool:
    return channels <= MOST_CHANNELS and n >= LEAST_EXAMPLES


def batch_last(x: jax.Array) -> jax.Array:
    """On CPU: [N, H, W, C] -> [C, H, W, N], in memory so."""
    return _in_order(x.transpose(3, 1, 2, 0))


def batch_first(x: jax.Array) -> jax.Array:
    """On CPU: [C, H, W, N], in memory so -> [N, H, W, C], which stays there."""
    return _in_order(x).transpose(3, 1, 2, 0)


def _in_order(x: jax.Array) -> jax.Array:
    """x in memory as its shape says; a batch over several devices stays as it is."""
    return on_one_device(_through_one_axis, _unchanged, (), x)


def _through_one_axis(x: jax.Array) -> jax.Array:
    # What has one axis has one layout.
    return materialize(x.reshape(-1)).reshape(x.shape)


def _unchanged(x: jax.Array) -> jax.Array:
    return x
