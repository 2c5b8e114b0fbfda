"""Batch normalisation, whose running statistics are PyTorch's, and layer normalisation."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from jaxcnn.ops.batch_axis import batch_axis
from jaxcnn.ops.normalize import batch_norm, layer_norm, normalize, unbiased

_KEPT: ContextVar[frozenset[tuple[str, ...]]] = ContextVar("kept statistics", default=frozenset())


@contextmanager
def statistics_kept(modules: frozenset[tuple[str, ...]]) -> Iterator[None]:
    """Within it the BatchNorm modules at these paths normalise, in training too, by their running
    statistics, and leave them as they are: those of weights that do not learn."""
    token = _KEPT.set(modules)
    try:
        yield
    finally:
        _KEPT.reset(token)


_OF_ONE_BATCH: ContextVar[bool] = ContextVar("statistics of one batch", default=False)


@contextmanager
def statistics_of_one_batch() -> Iterator[None]:
    """Within it the running statistics that BatchNorm leaves are the batch's own."""
    token = _OF_ONE_BATCH.set(True)
    try:
        yield
    finally:
        _OF_ONE_BATCH.reset(token)


class BatchNorm(nn.Module):
    """Normalises [..., C] over every axis but the last; statistics are float32 whatever `dtype`.

    Ioffe and Szegedy, 2015, https://arxiv.org/abs/1502.03167. Normalisation divides by the biased
    variance; the running variance averages the unbiased one, as PyTorch and timm have it (Flax
    averages the biased one).

    Fields:
        use_running_average: normalise by the running statistics instead of the batch's.
        momentum: decay of the running statistics; 1 - PyTorch's momentum.
        use_scale: have the param `scale`; without it, it is 1.
        dtype: of the output.
        axis_name: mapped axis (pmap, shard_map) to take the statistics over as well; `BATCH_AXIS`,
            inside a function that is mapped over it, if not given.

    Params `scale`, `bias` and collection `batch_stats` with `mean`, `var`: [C], float32. Where
    `fold_batchnorm` gave the rest to a convolution there is the param `folded_bias` alone, which is
    added; ValueError if that is to be trained.
    """

    use_running_average: bool
    momentum: float = 0.9
    use_scale: bool = True
    epsilon: float = 1e-5
    dtype: jnp.dtype = jnp.dtype("float32")
    axis_name: str | None = None
    scale_init: Callable[..., jax.Array] = nn.initializers.ones
    bias_init: Callable[..., jax.Array] = nn.initializers.zeros

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        if self.has_variable("params", "folded_bias"):
            if not self.use_running_average:
                raise ValueError("folded variables are for inference; train with the unfolded ones")
            return (x + self.get_variable("params", "folded_bias")).astype(self.dtype)
        shape = (x.shape[-1],)
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, shape, jnp.float32)
        running_var = self.variable("batch_stats", "var", jnp.ones, shape, jnp.float32)
        ones = jnp.ones(shape, jnp.float32)
        scale = self.param("scale", self.scale_init, shape, jnp.float32) if self.use_scale else ones
        bias = self.param("bias", self.bias_init, shape, jnp.float32)
        if self.use_running_average or self.path in _KEPT.get():
            mean, var = running_mean.value, running_var.value
            return normalize(x, mean, var, scale, bias, self.epsilon).astype(self.dtype)
        # During init the mapped axis need not exist.
        axis_name = None if self.is_initializing() else self.axis_name or batch_axis()
        y, mean, var = batch_norm(x, scale, bias, self.epsilon, axis_name, self.dtype)
        if not self.is_initializing() and self.is_mutable_collection("batch_stats"):
            devices = 1 if axis_name is None else lax.axis_size(axis_name)
            var = unbiased(var, math.prod(x.shape[:-1]) * devices)
            keep = 0.0 if _OF_ONE_BATCH.get() else self.momentum
            running_mean.value = keep * running_mean.value + (1 - keep) * mean
            running_var.value = keep * running_var.value + (1 - keep) * var
        return y


class LayerNorm(nn.Module):
    """`flax.linen.LayerNorm` over [..., C], faster on CPU: the same parameters `scale` and `bias`.

    Ba, Kiros and Hinton, 2016, https://arxiv.org/abs/1607.06450. Computes in float32; `dtype` is
    that of the output.
    """

    epsilon: float = 1e-6
    dtype: jnp.dtype = jnp.dtype("float32")

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (x.shape[-1],)
        scale = self.param("scale", nn.initializers.ones, shape, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, shape, jnp.float32)
        y: jax.Array = layer_norm(self.epsilon, x, scale, bias)
        return y.astype(self.dtype)
