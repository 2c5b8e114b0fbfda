"""Swin: attention inside windows, which shift by half a window at every other block.

Liu et al., 2021, https://arxiv.org/abs/2103.14030, in timm's form. Initialised as timm does.
"""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import lax

from jaxcnn.layers import normalize
from jaxcnn.layers.attention import SelfAttention
from jaxcnn.layers.dense import Dense
from jaxcnn.layers.dropout import Dropout
from jaxcnn.layers.head import head
from jaxcnn.layers.mlp import Mlp
from jaxcnn.layers.patch_embed import PatchEmbed
from jaxcnn.layers.remat import call_block
from jaxcnn.layers.stochastic_depth import StochasticDepth
from jaxcnn.layers.tap import tap
from jaxcnn.models.spec import LayerOrder, ModelSpec
from jaxcnn.ops.pool import global_avg_pool

Size = tuple[int, int]  # Height and width.

LayerNorm = partial(normalize.LayerNorm, epsilon=1e-5)
normal = nn.initializers.normal(0.02)

HEAD_WIDTH = 32  # Section 3.3.
MASKED = -100.0  # Added to the logits of pairs that must not see each other.


def partition(x: jax.Array, window: Size) -> jax.Array:
    """[N, H, W, C] -> [N, windows, tokens of a window, C], both in row-major order."""
    n, height, width, channels = x.shape
    rows, columns = window
    x = x.reshape(n, height // rows, rows, width // columns, columns, channels)
    return x.swapaxes(2, 3).reshape(n, -1, rows * columns, channels)


def merge(windows: jax.Array, window: Size, size: Size) -> jax.Array:
    """The inverse of `partition`: [N, windows, tokens, C] -> [N, *size, C]."""
    (rows, columns), (height, width) = window, size
    n, _, _, channels = windows.shape
    x = windows.reshape(n, height // rows, width // columns, rows, columns, channels)
    return x.swapaxes(2, 3).reshape(n, height, width, channels)


def shift_mask(size: Size, window: Size, shift: Size) -> jax.Array:
    """[windows, 1, tokens, tokens]: what to add to the logits of a map rolled by `shift`.

    Rolling joins opposite edges of the map; the last windows of a row or a column hold both, and
    tokens of one edge must not see those of the other (figure 4).
    """

    def edge(pixels: int, window: int, shift: int) -> np.ndarray:
        position = np.arange(pixels)
        return (position >= pixels - window).astype(int) + (position >= pixels - shift)

    rows, columns = map(edge, size, window, shift)
    piece = jnp.asarray(rows[:, None] * 3 + columns[None, :])[None, :, :, None]
    piece = partition(piece, window)[0, :, :, 0]  # [windows, tokens]
    return jnp.where(piece[:, None, :, None] == piece[:, None, None, :], 0.0, MASKED)


class RelativePositionBias(nn.Module):
    """A learned number for each offset between two tokens of a window and each head (equation 4).

    The table is of the offsets in a window of `window` x `window`, whatever smaller window asks.
    """

    heads: int
    window: int

    @nn.compact
    def __call__(self, window: Size) -> jax.Array:
        """[heads, tokens, tokens] for the tokens of `window`."""
        offsets = 2 * self.window - 1
        shape = (offsets**2, self.heads)
        table = self.param("relative_position_bias_table", normal, shape, jnp.float32)
        # Each row, then each column of tokens that are seen reads a part of the table as it lies:
        # a table of indices would have a gradient that scatters, in no fixed order on a GPU.
        bias = table.reshape(offsets, offsets, self.heads)
        for axis, side in zip((0, 2), window, strict=True):
            seen = [
                lax.slice_in_dim(bias, start, start + side, axis=axis)
                for start in range(self.window - 1, self.window - 1 - side, -1)
            ]
            bias = jnp.stack(seen, axis + 1)
        # [rows, rows, columns, columns, heads], each pair with the token that sees first.
        tokens = math.prod(window)
        return bias.transpose(4, 0, 2, 1, 3).reshape(self.heads, tokens, tokens)


class Block(nn.Module):
    """x [N, H, W, C] -> [N, H, W, C]: attention inside windows, then an MLP; each a residual."""

    window: int
    shifted: bool
    proj_drop_rate: float
    attn_drop_rate: float
    drop_path_rate: float
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        y = LayerNorm(dtype=self.dtype, name="norm1")(x)
        y = self.attend_in_windows(y, train=train)
        x = x + StochasticDepth(self.drop_path_rate)(y, train=train)
        y = LayerNorm(dtype=self.dtype, name="norm2")(x)
        y = Mlp(4 * x.shape[-1], self.proj_drop_rate, self.dtype, name="mlp")(y, train=train)
        return x + StochasticDepth(self.drop_path_rate)(y, train=train)

    def attend_in_windows(self, x: jax.Array, *, train: bool) -> jax.Array:
        _, height, width, channels = x.shape
        # A window no smaller than the map is the map, and has nothing to shift to.
        rows, columns = window = (min(height, self.window), min(width, self.window))
        half = self.window // 2 if self.shifted else 0
        down, right = shift = (half if height > rows else 0, half if width > columns else 0)

        heads = channels // HEAD_WIDTH
        bias = RelativePositionBias(heads, self.window, name="position_bias")(window)
        if any(shift):
            x = jnp.roll(x, (-down, -right), (1, 2))
        # timm's order: padding after rolling; and the padding is attended to, as zeros.
        x = jnp.pad(x, ((0, 0), (0, -height % rows), (0, -width % columns), (0, 0)))
        size = x.shape[1], x.shape[2]
        if any(shift):
            bias = bias + shift_mask(size, window, shift)  # [windows, heads, tokens, tokens]
        rates = self.proj_drop_rate, self.attn_drop_rate
        attention = SelfAttention(heads, *rates, self.dtype, name="attn")
        y = attention(partition(x, window), bias, train=train)
        y = merge(y, window, size)[:, :height, :width]
        return jnp.roll(y, shift, (1, 2)) if any(shift) else y


class PatchMerging(nn.Module):
    """[N, H, W, C] -> [N, H / 2, W / 2, 2 C], rounded up: a dense layer on 2x2 tokens."""

    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = jnp.pad(x, ((0, 0), (0, x.shape[1] % 2), (0, x.shape[2] % 2), (0, 0)))
        n, height, width, channels = x.shape
        x = x.reshape(n, height // 2, 2, width // 2, 2, channels)
        # Column by column, the order of the published weights.
        x = x.transpose(0, 1, 3, 4, 2, 5).reshape(n, height // 2, width // 2, 4 * channels)
        x = LayerNorm(dtype=self.dtype, name="norm")(x)
        dense = partial(Dense, use_bias=False, kernel_init=normal, dtype=self.dtype)
        return dense(2 * channels, name="reduction")(x)


class SwinTransformer(nn.Module):
    """Patches, stages of blocks with half the map's sides from one to the next, mean, head.

    Fields:
        width: channels of the first stage; they double from stage to stage.
        stages: blocks of each stage.
        patch: side of a patch in pixels.
        window: tokens each way that see each other.
        drop_rate: of what the head reads.
        pos_drop_rate: after the embedding, where the authors have it and timm none.
        proj_drop_rate: after the dense layers of blocks but the query, key and value.
        attn_drop_rate: of the attention's softmax. The others as timm has them.
        drop_path_rate: grows from 0 at the first block to this at the last.

    Images of any size that is a multiple of `patch`; maps are padded to whole windows. What a size
    computes is what timm's network built with `img_size` of it does; only where a map is smaller
    than the window, timm has a smaller table of position biases and here its middle is read, so
    that the parameters are the same for any size.
    """

    num_classes: int
    width: int = 96
    stages: tuple[int, ...] = (2, 2, 6, 2)
    patch: int = 4
    window: int = 7
    drop_rate: float = 0.0
    pos_drop_rate: float = 0.0
    proj_drop_rate: float = 0.0
    attn_drop_rate: float = 0.0
    drop_path_rate: float = 0.1
    dtype: Any = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        x = PatchEmbed(self.width, self.patch, self.dtype, name="patch_embed")(images)
        x = LayerNorm(dtype=self.dtype, name="patch_norm")(x)
        x = tap(self, "stem", x)  # [N, H/4, W/4, width]
        x = Dropout(self.pos_drop_rate, deterministic=not train)(x)
        block, last_block = 0, max(1, sum(self.stages) - 1)
        for i, repeats in enumerate(self.stages):
            if i > 0:
                x = PatchMerging(self.dtype, name=f"layers_{i}_downsample")(x)
            for j in range(repeats):
                module = Block(
                    self.window,
                    shifted=j % 2 == 1,
                    proj_drop_rate=self.proj_drop_rate,
                    attn_drop_rate=self.attn_drop_rate,
                    drop_path_rate=self.drop_path_rate * block / last_block,
                    dtype=self.dtype,
                    name=f"layers_{i}_blocks_{j}",
                )
                x = call_block(module, x, remat=self.remat, train=train)
                block += 1
            x = tap(self, f"stage{i + 1}", x)  # [N, H/32, W/32, 8 * width] after the fourth
        x = global_avg_pool(LayerNorm(dtype=self.dtype, name="norm")(x))
        x = Dropout(self.drop_rate, deterministic=not train, name="head_drop")(x)
        return head(self, x, self.num_classes, kernel_init=normal, dtype=self.dtype)


_spec = partial(
    ModelSpec,
    paper="https://arxiv.org/abs/2103.14030",
    layers=LayerOrder("patch_", r"layers_(\d+)_(?:blocks_(\d+)|downsample)", closing="norm"),
    torch_names=(
        ("^patch_norm", "patch_embed.norm"),
        (r"position_bias$", "attn"),
        ("^head", "head.fc"),
    ),
)
_tiny = partial(SwinTransformer, width=96, stages=(2, 2, 6, 2))
_small = partial(SwinTransformer, width=96, stages=(2, 2, 18, 2))
_base = partial(SwinTransformer, width=128, stages=(2, 2, 18, 2))

VARIANTS = {
    "swin_tiny_patch4_window7_224": _spec(_tiny, 28_288_354, gmacs=4.4906),
    "swin_small_patch4_window7_224": _spec(_small, 49_606_258, gmacs=8.7409),
    "swin_base_patch4_window7_224": _spec(_base, 87_768_224, gmacs=15.4309),
}
