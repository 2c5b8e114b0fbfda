"""Learned positions of another size than the model's, resampled as timm does on loading.

Position embeddings of a ViT (timm's `resample_abs_pos_embed`) and tables of position biases of a
Swin (its `resize_rel_pos_bias_table`, which has it from BEiT).
"""

import math
from collections.abc import Callable, Mapping

import jax.numpy as jnp
import numpy as np
from scipy.interpolate import RegularGridInterpolator

from jaxcnn.models import vit

StateDict = Mapping[str, np.ndarray]


def fit_positions(
    state_dict: StateDict,
    shapes: Mapping[str, tuple[int, ...]],
    tell: Callable[[str], object] = lambda line: None,
) -> StateDict:
    """The state dict with its positions brought to `shapes`, as far as they are of square maps.

    `tell` is called with a line for each kind of positions that are of another size.
    """
    fitted, lines = dict(state_dict), set()
    for key, value in state_dict.items():
        shape = shapes.get(key, value.shape)
        if value.shape == shape or value.ndim != len(shape) or value.shape[-1] != shape[-1]:
            continue
        if key == "pos_embed":
            first = 1 if "cls_token" in shapes else 0
            old, new = _side(value.shape[1] - first), _side(shape[1] - first)
            if old and new:
                fitted[key] = resample_embedding(value, new, first)
                lines.add(f"position embeddings of {old}x{old} patches, resampled to {new}x{new}")
        elif key.endswith("relative_position_bias_table"):
            old, new = _side(len(value)), _side(shape[0])
            if old and new:
                fitted[key] = resample_bias_table(value, new)
                before, after = (old + 1) // 2, (new + 1) // 2
                lines.add(
                    f"position biases of {before}x{before} windows, resampled to {after}x{after}"
                )
    for line in sorted(lines):
        tell(f"the weights have {line}")
    return fitted


def _side(num_positions: int) -> int | None:
    """Of a square of so many positions; None if they make none."""
    side = math.isqrt(max(num_positions, 0))
    return side if 0 < side**2 == num_positions else None


def resample_embedding(embedding: np.ndarray, side: int, first: int) -> np.ndarray:
    """[1, first + S * S, C] -> [1, first + side * side, C], bicubic with antialiasing.

    The `first` tokens, which have no place in the image, stay as they are.
    """
    tokens, patches = embedding[:, :first], embedding[0, first:]
    old, channels = math.isqrt(len(patches)), patches.shape[-1]
    grid = jnp.asarray(patches.reshape(old, old, channels))
    patches = np.asarray(vit.resample(grid, (side, side)))
    return np.concatenate([tokens, patches.reshape(1, -1, channels)], axis=1)


def resample_bias_table(table: np.ndarray, side: int) -> np.ndarray:
    """[S * S, heads], a row for each offset between tokens -> [side * side, heads].

    The old offsets are laid out anew, each step q times as long as the one before, so that the
    outermost come to lie on the new ones; between them it is linear.
    """
    old, heads = math.isqrt(len(table)), table.shape[-1]
    reach = side // 2
    at = _offsets(old // 2, reach)
    wanted = np.clip(np.arange(-reach, reach + 1), at[0], at[-1])
    table_at = RegularGridInterpolator((at, at), table.reshape(old, old, heads))
    places = np.stack(np.meshgrid(wanted, wanted, indexing="ij"), axis=-1)
    return table_at(places).reshape(-1, heads).astype(table.dtype)


def _offsets(count: int, reach: int) -> np.ndarray:
    """..., -(1 + q), -1, 0, 1, 1 + q, ...: `count` each way, the last as near to `reach` as can be.

    q is more than 1.01 and less than 1.5.
    """
    low, high = 1.01, 1.5
    q = low
    while high - low > 1e-6:
        q = (low + high) / 2
        if (1 - q**count) / (1 - q) > reach:
            high = q
        else:
            low = q
    outward = np.cumsum(q ** np.arange(count))
    return np.concatenate([-outward[::-1], [0.0], outward])
