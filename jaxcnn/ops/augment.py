"""What moves and covers images, by numbers that are given: as `jaxcnn.data.augment` does on a host.

Images are uint8 [N, H, W, C] and stay so; numbers are integers [N].
"""

import jax
import jax.numpy as jnp
from jax import lax


def crop(
    images: jax.Array,
    top: jax.Array,
    left: jax.Array,
    size: tuple[int, int],
    pad: int,
    *,
    reflect: bool = False,
) -> jax.Array:
    """Windows of `size` (height, width) of the images with `pad` pixels more on each side.

    Black ones, or with `reflect` the image's own, mirrored at the outermost. `top` and `left` are a
    window's first row and column, counted from the corner of the padding.
    """
    sides = ((0, 0), (pad, pad), (pad, pad), (0, 0))
    padded = jnp.pad(images, sides, mode="reflect" if reflect else "constant")

    def window(image: jax.Array, top: jax.Array, left: jax.Array) -> jax.Array:
        return lax.dynamic_slice(image, (top, left, 0), (*size, image.shape[2]))

    return jax.vmap(window)(padded, top, left)


def mirror(images: jax.Array, mirrored: jax.Array) -> jax.Array:
    """Those images left to right where `mirrored` is not 0."""
    return jnp.where(mirrored[:, None, None, None] != 0, images[:, :, ::-1], images)


def cover(
    images: jax.Array, row: jax.Array, column: jax.Array, side: int, colour: tuple[int, ...]
) -> jax.Array:
    """A square of one colour around (row, column); what lies beyond the border is cut off."""

    def inside(centre: jax.Array, length: int) -> jax.Array:  # [N, length]
        offset = jnp.arange(length) - (centre - side // 2)[:, None]
        return (offset >= 0) & (offset < side)

    height, width = images.shape[1:3]
    square = inside(row, height)[:, :, None] & inside(column, width)[:, None, :]
    return jnp.where(square[..., None], jnp.array(colour, jnp.uint8), images)
