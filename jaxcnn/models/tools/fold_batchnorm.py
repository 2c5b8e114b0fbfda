"""BatchNorm folded into the convolution before it: in inference both are linear."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.traverse_util import flatten_dict, unflatten_dict
from jax import lax
from jax.ad_checkpoint import checkpoint_name
from jax.extend.core import Jaxpr, JaxprEqn, jaxprs_in_params

from jaxcnn.layers.conv import Conv
from jaxcnn.layers.normalize import BatchNorm
from jaxcnn.models.spec import Variables

Path = tuple[str, ...]
# A convolution, the BatchNorm that is folded into it, and its epsilon.
Pair = tuple[Path, Path, float]

IMAGENET = jax.ShapeDtypeStruct((1, 224, 224, 3), jnp.float32)


def fold_batchnorm(
    model: nn.Module, variables: Variables, images: jax.Array | jax.ShapeDtypeStruct = IMAGENET
) -> Variables:
    """Variables with which `model` gives the same logits in less time, for inference alone.

        folded = fold_batchnorm(model, variables)
        logits = model.apply(folded, images)

    A convolution that nothing but a BatchNorm reads has its kernel, and its bias, multiplied by the
    BatchNorm's scale / sqrt(var + epsilon), of which `folded_bias` is left: bias - mean * scale /
    sqrt(var + epsilon). Other BatchNorms stay as they are: those before a convolution, those folded
    already. Logits differ by rounding. Jacob et al., 2018, section 3.2,
    https://arxiv.org/abs/1712.05877.

    Args:
        model: any of the zoo's.
        variables: `{"params": ..., "batch_stats": ...}`, float32; not changed.
        images: [N, H, W, C] of a size and with the channels that the model takes.
    """
    if not variables.get("batch_stats"):
        return variables
    return _fold(variables, tuple(_convolutions_before_norms(model, variables, images)))


@partial(jax.jit, static_argnums=1)
def _fold(variables: Variables, pairs: tuple[Pair, ...]) -> Variables:
    params: dict[Path, Any] = flatten_dict(variables["params"])
    stats: dict[Path, Any] = flatten_dict(variables["batch_stats"])
    for conv, norm, epsilon in pairs:
        mean, var = stats.pop((*norm, "mean")), stats.pop((*norm, "var"))
        factor = params.pop((*norm, "scale"), 1.0) * lax.rsqrt(var + epsilon)
        params[*norm, "folded_bias"] = params.pop((*norm, "bias")) - mean * factor
        for name in ("kernel", "bias"):
            if (*conv, name) in params:
                params[*conv, name] *= factor
    return {"params": unflatten_dict(params), "batch_stats": unflatten_dict(stats)}


def _convolutions_before_norms(model: nn.Module, variables: Variables, images: Any) -> list[Pair]:
    marked: dict[str, Conv | BatchNorm] = {}

    def mark(call: Callable[..., Any], args: Any, kwargs: Any, context: Any) -> Any:
        """Names what goes into a BatchNorm and what comes out of a convolution."""
        module = context.module
        name = "/".join(module.path)
        if isinstance(module, BatchNorm) and not module.has_variable("params", "folded_bias"):
            marked[name] = module
            return call(checkpoint_name(args[0], name), **kwargs)
        output = call(*args, **kwargs)
        if isinstance(module, Conv):
            marked[name] = module
            return checkpoint_name(output, name)
        return output

    def forward(variables: Any, images: jax.Array) -> jax.Array:
        with nn.intercept_methods(mark):
            return model.apply(variables, images, train=False)  # pyright: ignore[reportReturnType]

    jaxpr = jax.make_jaxpr(forward)(variables, images).jaxpr
    named = list(_named(jaxpr))
    calls = Counter(equation.params["name"] for equation, _ in named)
    makers: dict[Any, tuple[JaxprEqn, int]] = {
        equation.outvars[0]: (equation, readers) for equation, readers in named
    }
    pairs = []
    for equation, _ in named:
        maker, readers = makers.get(equation.invars[0], (None, 0))
        if maker is None or readers > 1:
            continue
        names = maker.params["name"], equation.params["name"]
        conv, norm = (marked[name] for name in names)
        # One that is called twice is not one BatchNorm's.
        called_once = all(calls[name] == 1 for name in names)
        if isinstance(conv, Conv) and isinstance(norm, BatchNorm) and called_once:
            pairs.append((conv.path, norm.path, norm.epsilon))
    return pairs


def _named(jaxpr: Jaxpr) -> Iterator[tuple[JaxprEqn, int]]:
    """The equations that name a value, and how often that is read."""
    readers = Counter(id(x) for equation in jaxpr.eqns for x in equation.invars)
    readers.update(id(x) for x in jaxpr.outvars)
    for equation in jaxpr.eqns:
        if equation.primitive.name == "name":
            yield equation, readers[id(equation.outvars[0])]
        for inner in jaxprs_in_params(equation.params):
            yield from _named(inner)
