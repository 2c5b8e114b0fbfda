"""What is done to whole batches on the device: normalisation, mixup, cutmix.

Pure functions. An image's partner is the one at the mirrored row of the batch, which any sharding
of the batch can exchange, and the order of examples is random already.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from jaxcnn.ops.batch_axis import mirrored_rows

Mix = Callable[[jax.Array, jax.Array, jax.Array], tuple[jax.Array, jax.Array]]
"""(key, images [N, H, W, C], labels [N, K]) -> (images, labels) of the same shapes."""


def normalize(images: jax.Array, mean: Sequence[float], std: Sequence[float]) -> jax.Array:
    """uint8 [N, H, W, C] to float32 of mean 0 and variance 1 over the training set.

    mean and std are per channel (or one for all), of uint8 / 255.
    """
    scale = 1 / (255 * jnp.asarray(std, jnp.float32))
    offset = jnp.asarray(mean, jnp.float32) / jnp.asarray(std, jnp.float32)
    return images.astype(jnp.float32) * scale - offset


def mixup(
    key: jax.Array, images: jax.Array, labels: jax.Array, alpha: float
) -> tuple[jax.Array, jax.Array]:
    """Blend images and labels with their partners'. Zhang et al., 2018, arxiv.org/abs/1710.09412.

    Args:
        key: of the share, drawn from Beta(alpha, alpha) once a batch.
        images: float [N, H, W, C].
        labels: float [N, K], one row a distribution over classes.
        alpha: above 0; 1 draws shares uniformly.
    """
    share = jax.random.beta(key, alpha, alpha)
    return _blend(share, images), _blend(share, labels)


def cutmix(
    key: jax.Array, images: jax.Array, labels: jax.Array, alpha: float
) -> tuple[jax.Array, jax.Array]:
    """Paste a rectangle of the partner. Yun et al., 2019, arxiv.org/abs/1905.04899.

    The rectangle has the image's aspect, its centre is any pixel, and what lies beyond the border
    is cut off; labels are blended by the area that is really left. Arguments as for `mixup`.
    """
    _, height, width, _ = images.shape
    share_key, row_key, column_key = jax.random.split(key, 3)
    side = jnp.sqrt(1 - jax.random.beta(share_key, alpha, alpha))
    in_rows = _interval(row_key, height, side)
    in_columns = _interval(column_key, width, side)
    pasted = in_rows[:, None] & in_columns[None, :]  # [H, W]
    images = jnp.where(pasted[None, :, :, None], mirrored_rows(images), images)
    return images, _blend(1 - pasted.mean(), labels)


def make_mix(*, mixup_alpha: float, cutmix_alpha: float) -> Mix | None:
    """The function that mixes a batch: either one, or one of the two by a coin for each batch.

    An alpha of 0 turns its method off; with both off there is nothing to do: None.
    """
    if not mixup_alpha and not cutmix_alpha:
        return None

    def by_mixup(key: jax.Array, images: jax.Array, labels: jax.Array):
        return mixup(key, images, labels, mixup_alpha)

    def by_cutmix(key: jax.Array, images: jax.Array, labels: jax.Array):
        return cutmix(key, images, labels, cutmix_alpha)

    def by_either(key: jax.Array, images: jax.Array, labels: jax.Array):
        coin_key, key = jax.random.split(key)
        coin = jax.random.bernoulli(coin_key)
        return jax.lax.cond(coin, by_mixup, by_cutmix, key, images, labels)

    if mixup_alpha and cutmix_alpha:
        return by_either
    return by_mixup if mixup_alpha else by_cutmix


def _blend(share: jax.Array, values: jax.Array) -> jax.Array:
    share = share.astype(values.dtype)
    return share * values + (1 - share) * mirrored_rows(values)


def _interval(key: jax.Array, length: int, side: jax.Array) -> jax.Array:
    """Which of `length` pixels lie in an interval of `side` * length around one of them."""
    size = (side * length).astype(jnp.int32)
    start = jax.random.randint(key, (), 0, length) - size // 2
    pixels = jnp.arange(length)
    return (pixels >= start) & (pixels < start + size)
