"""Weights and images out of names and shapes, so that no golden file has to store them."""

import hashlib
import zlib
from collections.abc import Mapping

import numpy as np


def fill(key: str, shape: tuple[int, ...]) -> np.ndarray:
    """The tensor that torch calls `key`: drawn from a generator seeded with the key's CRC-32.

    Kernels (rank 2 and 4) have variance 2 / fan-in, so that signals keep their size through ReLUs;
    scales and running variances are uniform in [0.5, 1.5]; biases and running means small; the
    rest (embeddings) normal with deviation 0.5.
    """
    rng = np.random.default_rng(zlib.crc32(key.encode()))
    leaf = key.rsplit(".", 1)[-1]
    if leaf == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    if leaf == "weight" and len(shape) in (2, 4):
        values = rng.normal(size=shape) * np.sqrt(2 / np.prod(shape[1:]))
    elif leaf in ("weight", "running_var", "gamma") or leaf.startswith("gamma"):
        values = rng.uniform(0.5, 1.5, size=shape)
    elif leaf in ("bias", "running_mean"):
        values = 0.1 * rng.normal(size=shape)
    else:
        values = 0.5 * rng.normal(size=shape)
    return values.astype(np.float32)


def images(batch_size: int, height: int, width: int, channels: int) -> np.ndarray:
    """[N, H, W, C], normal."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(batch_size, height, width, channels)).astype(np.float32)


def labels(batch_size: int, num_classes: int) -> np.ndarray:
    return np.arange(batch_size) * 7 % num_classes


def spread(keys: list[str], count: int) -> list[str]:
    """At most `count` of `keys`, evenly spaced, first and last among them."""
    picked = np.linspace(0, len(keys) - 1, min(count, len(keys))).round().astype(int)
    return [keys[i] for i in picked]


def sample(values: np.ndarray, count: int = 512) -> np.ndarray:
    """At most `count` entries of a tensor, evenly spaced."""
    flat = values.reshape(-1)
    return flat[np.linspace(0, flat.size - 1, min(count, flat.size)).round().astype(int)]


def digest(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Of the names and shapes of a model's tensors: how many there are, and a hash of all."""
    lines = sorted(f"{key} {shape}" for key, shape in shapes.items())
    hashed = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return f"{len(lines)} {hashed[:16]}"
