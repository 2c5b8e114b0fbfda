"""Vision Transformer: an image is a sequence of patches.

Dosovitskiy et al., 2021, https://arxiv.org/abs/2010.11929; the tiny and small networks are those
of DeiT, Touvron et al., 2021, https://arxiv.org/abs/2012.12877. Initialised as timm does.
"""

import math
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcnn.errors import UserError
from jaxcnn.layers import normalize
from jaxcnn.layers.attention import SelfAttention
from jaxcnn.layers.dense import Dense
from jaxcnn.layers.dropout import Dropout
from jaxcnn.layers.head import head
from jaxcnn.layers.mlp import Mlp
from jaxcnn.layers.patch_embed import PatchEmbed, require_whole_patches
from jaxcnn.layers.remat import call_block
from jaxcnn.layers.stochastic_depth import StochasticDepth
from jaxcnn.layers.tap import tap
from jaxcnn.models.spec import LayerOrder, ModelSpec

LayerNorm = partial(normalize.LayerNorm, epsilon=1e-6)


class Block(nn.Module):
    """x [N, L, C] -> [N, L, C]: attention between tokens, then an MLP on each; each a residual."""

    heads: int
    proj_drop_rate: float
    attn_drop_rate: float
    drop_path_rate: float
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        y = LayerNorm(dtype=self.dtype, name="norm1")(x)
        rates = self.proj_drop_rate, self.attn_drop_rate
        y = SelfAttention(self.heads, *rates, self.dtype, name="attn")(y, train=train)
        x = x + StochasticDepth(self.drop_path_rate)(y, train=train)
        y = LayerNorm(dtype=self.dtype, name="norm2")(x)
        y = Mlp(4 * x.shape[-1], self.proj_drop_rate, self.dtype, name="mlp")(y, train=train)
        return x + StochasticDepth(self.drop_path_rate)(y, train=train)


def resample(positions: jax.Array, size: tuple[int, int]) -> jax.Array:
    """[H, W, C] -> [*size, C], bicubic with antialiasing; the same map if it has that size."""
    if positions.shape[:2] == size:
        return positions
    return jax.image.resize(positions, (*size, positions.shape[2]), "cubic", antialias=True)


def sincos_positions(size: tuple[int, int], width: int) -> jax.Array:
    """[H, W, width]: sines, then cosines, of the column, and then of the row.

    Angular frequencies fall from 1 to 1e-4 a patch, evenly in the logarithm. As in Beyer et al.,
    2022, https://arxiv.org/abs/2205.01580. Raises UserError unless `width` is a multiple of 4.
    """
    if width % 4:
        raise UserError(f"positions='sincos' needs a width that is a multiple of 4; got {width}")
    frequencies = jnp.geomspace(1.0, 1e-4, width // 4)
    rows, columns = (jnp.arange(side)[:, None] * frequencies for side in size)  # [H or W, width/4]
    shape = (*size, width // 4)
    waves = [
        jnp.broadcast_to(angles, shape)
        for axis in (columns[None], rows[:, None])
        for angles in (jnp.sin(axis), jnp.cos(axis))
    ]
    return jnp.concatenate(waves, axis=-1)


class VisionTransformer(nn.Module):
    """Patches and their positions, `depth` blocks, a dense head on what `pool` takes.

    Fields:
        image_size: height and width in pixels that the position embeddings are learned at. For
            images of another size they are resampled, bicubic with antialiasing.
        pool: "token": the class token, normalised; "mean": the normalised mean of the patches;
            "gap": the mean of the normalised patches, and no class token.
        positions: "learned", or "sincos": fixed sines and cosines, for images of any size.
        pre_logits: a dense layer and tanh before the head, as in big_vision (its `rep_size`).
        drop_rate: of what the head reads.
        pos_drop_rate: after the position embedding.
        proj_drop_rate: after the dense layers of blocks but the query, key and value.
        attn_drop_rate: of the attention's softmax. All four as timm has them.
        drop_path_rate: grows from 0 at the first block to this at the last.

    Images must be whole patches, or UserError is raised.
    """

    num_classes: int
    patch: int = 16
    width: int = 768
    depth: int = 12
    heads: int = 12
    image_size: int = 224
    pool: Literal["token", "mean", "gap"] = "token"
    positions: Literal["learned", "sincos"] = "learned"
    pre_logits: bool = False
    drop_rate: float = 0.0
    pos_drop_rate: float = 0.0
    proj_drop_rate: float = 0.0
    attn_drop_rate: float = 0.0
    drop_path_rate: float = 0.0
    dtype: Any = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        if self.pool not in ("token", "mean", "gap"):
            raise UserError(f"pool is 'token', 'mean' or 'gap'; got {self.pool!r}")
        if self.positions not in ("learned", "sincos"):
            raise UserError(f"positions is 'learned' or 'sincos'; got {self.positions!r}")
        maps = PatchEmbed(self.width, self.patch, self.dtype, name="patch_embed")(images)
        maps = tap(self, "stem", maps)
        n, height, width, _ = maps.shape
        size = height, width
        x = self.add_class_token(maps.reshape(n, height * width, self.width))  # [N, L, C]
        x = x + self.position_embedding(size).astype(self.dtype)
        x = Dropout(self.pos_drop_rate, deterministic=not train)(x)

        quarter = max(1, self.depth // 4)
        for i in range(self.depth):
            if (i + 1) % quarter == 0:
                # Before the last block of a quarter: after the network's last one, no patch has
                # any say in the class token, and its gradient would be zero.
                x = self.tap_patches(f"stage{(i + 1) // quarter}", x, size)
            drop_path_rate = self.drop_path_rate * i / max(1, self.depth - 1)
            block = Block(
                self.heads,
                self.proj_drop_rate,
                self.attn_drop_rate,
                drop_path_rate,
                self.dtype,
                name=f"blocks_{i}",
            )
            x = call_block(block, x, remat=self.remat, train=train)

        match self.pool:
            case "token":
                x = LayerNorm(dtype=self.dtype, name="norm")(x[:, 0])
            case "mean":
                x = LayerNorm(dtype=self.dtype, name="fc_norm")(x[:, 1:].mean(1))
            case "gap":
                x = LayerNorm(dtype=self.dtype, name="norm")(x).mean(1)
        if self.pre_logits:
            init = nn.initializers.xavier_uniform()
            dense = Dense(self.width, kernel_init=init, dtype=self.dtype, name="pre_logits")
            x = jnp.tanh(dense(x))
        x = Dropout(self.drop_rate, deterministic=not train, name="head_drop")(x)
        init = nn.initializers.normal(0.02)
        return head(self, x, self.num_classes, kernel_init=init, dtype=self.dtype)

    @property
    def num_class_tokens(self) -> int:
        return 0 if self.pool == "gap" else 1

    def add_class_token(self, x: jax.Array) -> jax.Array:
        """[N, HW, C] -> [N, 1 + HW, C]."""
        if self.num_class_tokens == 0:
            return x
        init = nn.initializers.normal(1e-6)
        token = self.param("cls_token", init, (1, 1, self.width), jnp.float32)
        token = jnp.broadcast_to(token.astype(x.dtype), (x.shape[0], 1, self.width))
        return jnp.concatenate([token, x], axis=1)

    def position_embedding(self, size: tuple[int, int]) -> jax.Array:
        """[1, L, C] for the class token, if any, and a map of `size` patches."""
        first = self.num_class_tokens
        if self.positions == "sincos":
            patches = sincos_positions(size, self.width).reshape(1, -1, self.width)
            return jnp.pad(patches, ((0, 0), (first, 0), (0, 0)))
        require_whole_patches((self.image_size, self.image_size), self.patch)
        side = self.image_size // self.patch
        init = nn.initializers.normal(0.02)
        shape = (1, first + side**2, self.width)
        embedding = self.param("pos_embed", init, shape, jnp.float32)
        patches = resample(embedding[0, first:].reshape(side, side, self.width), size)
        patches = patches.reshape(1, -1, self.width)
        return jnp.concatenate([embedding[:, :first], patches], axis=1)

    def tap_patches(self, name: str, x: jax.Array, size: tuple[int, int]) -> jax.Array:
        """Taps the patches of tokens [N, L, C] as a map [N, H, W, C]."""
        first, patches = x[:, : self.num_class_tokens], x[:, self.num_class_tokens :]
        maps = tap(self, name, patches.reshape(x.shape[0], *size, self.width))
        return jnp.concatenate([first, maps.reshape(patches.shape)], axis=1)


LAYERS = LayerOrder("cls_token|pos_embed|patch_embed", r"blocks_(\d+)", closing="norm")


def _spec(
    num_params: int,
    gmacs: float,
    *,
    size: dict[str, int],
    patch: int = 16,
    image_size: int = 224,
    **fields: Any,
) -> ModelSpec:
    make = partial(VisionTransformer, patch=patch, image_size=image_size, **size, **fields)
    return ModelSpec(
        make,
        num_params,
        gmacs,
        image_size=image_size,
        thumbnail_size=math.ceil(32 / patch) * patch,
        paper="https://arxiv.org/abs/2010.11929",
        layers=LAYERS,
    )


_tiny = partial(_spec, size={"width": 192, "depth": 12, "heads": 3})
_small = partial(_spec, size={"width": 384, "depth": 12, "heads": 6})
_base = partial(_spec, size={"width": 768, "depth": 12, "heads": 12})
_large = partial(_spec, size={"width": 1024, "depth": 24, "heads": 16})
# timm's own: as wide as base, with smaller heads.
_gap = partial(_spec, size={"width": 768, "depth": 12, "heads": 16}, pool="gap")

VARIANTS = {
    "vit_tiny_patch16_224": _tiny(5_717_416, 1.2537),
    "vit_tiny_patch16_384": _tiny(5_790_376, 4.6822, image_size=384),
    "vit_small_patch32_224": _small(22_878_952, 1.1429, patch=32),
    "vit_small_patch32_384": _small(22_915_432, 3.4429, patch=32, image_size=384),
    "vit_small_patch16_224": _small(22_050_664, 4.5989),
    "vit_small_patch16_384": _small(22_196_584, 15.4904, image_size=384),
    "vit_base_patch32_224": _base(88_224_232, 4.4092, patch=32),
    "vit_base_patch32_384": _base(88_297_192, 13.0436, patch=32, image_size=384),
    "vit_base_patch16_224": _base(86_567_656, 17.5638),
    "vit_base_patch16_384": _base(86_859_496, 55.4844, image_size=384),
    "vit_base_patch16_gap_224": _gap(86_566_120, 17.4716),
    "vit_large_patch16_224": _large(304_326_632, 61.5547),
    "vit_large_patch16_384": _large(304_715_752, 191.0663, image_size=384),
    "vit_large_patch14_224": _large(304_203_752, 81.0130, patch=14),
}
