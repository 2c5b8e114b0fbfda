"""An operation with a lowering of its own in programs of a single device.

For calls that XLA cannot split over devices: in a program of several, it would gather their whole
operands on each.
"""

from collections.abc import Callable, Hashable
from functools import partial

import jax
from jax import core
from jax.extend.core import Primitive
from jax.interpreters import batching, mlir

Lowering = Callable[..., jax.Array]


def on_one_device(
    alone: Lowering, shared: Lowering, static: tuple[Hashable, ...], *arrays: jax.Array
) -> jax.Array:
    """`alone(*static, *arrays)` in a program of one device, `shared(*static, *arrays)` elsewhere.

    Which it is, is known when the program is lowered. Both give the same shape and dtype. For use
    inside a `custom_vjp` and under `jit` only: neither is differentiated.
    """
    return _choice.bind(*arrays, alone=partial(alone, *static), shared=partial(shared, *static))


_choice = Primitive("on_one_device")


@_choice.def_abstract_eval
def _shape(*arrays: core.ShapedArray, alone: Lowering, shared: Lowering) -> core.ShapedArray:
    result = jax.eval_shape(shared, *arrays)
    return core.ShapedArray(result.shape, result.dtype)


def _lower(ctx: mlir.LoweringRuleContext, *values, alone: Lowering, shared: Lowering):
    # A function that pmap maps is a program of one device, too, and has no count.
    devices = getattr(ctx.module_context.axis_context, "num_devices", 1)
    chosen = alone if devices == 1 else shared
    return mlir.lower_fun(chosen, multiple_results=False)(ctx, *values)


def _batch(arrays, axes, *, alone: Lowering, shared: Lowering):
    mapped = {"alone": jax.vmap(alone, axes), "shared": jax.vmap(shared, axes)}
    return _choice.bind(*arrays, **mapped), 0


mlir.register_lowering(_choice, _lower)
batching.primitive_batchers[_choice] = _batch
