"""The same picture twice: exact copies by a digest of the pixels, near ones by a perceptual hash.

A near pair is found in two steps. Its hashes, 64 bits each, differ in few bits; then the pictures
themselves, brought to 32x32, agree once one is moved by up to two pixels: in the whole (correlation
of all channels) and in the detail (correlation of grey levels without their blurred part), so that
two skies of one colour are no pair. Brightness and contrast do not count.

How much has to agree depends on how plain the pictures are. In a photograph there is something
everywhere, and two do not agree by chance. A pen stroke on an empty background agrees with
thousands of others: such pictures have to be equal but for the noise of an encoder.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

SIDE = 32
SHIFT = 2  # Pixels of the thumbnail that one picture may be moved against the other.
BLUR_SIGMA = 1.5  # Pixels of the thumbnail; what is coarser is no detail.
# Grey levels (standard deviation) below which a picture is taken for empty.
EMPTY_STD = 2.0
# Sides in pixels below which pictures are alike for want of room, as digits of 8x8 are.
LEAST_SIDE = 16
# A pixel is plain if its neighbours differ by less than this share of the picture's contrast
# (standard deviation). Half of CIFAR-10's pictures have 1 % of such pixels, 99 in 100 below 37 %;
# of MNIST's 99 in 100 have above 52 %.
PLAIN_CONTRAST = 0.1
# Bounds for photographs, and for plain pictures; in between, by the share of plain pixels, they
# are interpolated. Chosen by looking at pairs of CIFAR-10 and of MNIST.
PLAIN_SHARE = (0.3, 0.45)
MOST_BITS = (12, 4)
LEAST_CORRELATION = (0.85, 0.99)
LEAST_DETAIL_CORRELATION = (0.6, 0.95)


class Fingerprint(NamedTuple):
    """What one picture is recognised by.

    Attributes:
        digest: of shape and pixels, 16 bytes.
        hash: 64 bits; pictures that look alike differ in few.
        thumbnail: uint8 [32, 32, C].
        plain: share of its pixels that are; 1 for a picture that only its copies are like, one that
            is empty or tiny.
    """

    digest: bytes
    hash: int
    thumbnail: np.ndarray
    plain: float


@dataclass(frozen=True)
class Fingerprints:
    """Those of many pictures: digests [N], hashes uint64 [N], thumbnails [N, 32, 32, C], plain."""

    digests: tuple[bytes, ...]
    hashes: np.ndarray
    thumbnails: np.ndarray
    plain: np.ndarray

    @classmethod
    def of(cls, prints: Sequence[Fingerprint]) -> "Fingerprints":
        """All in one; at least one is needed."""
        digests, hashes, thumbnails, plain = zip(*prints, strict=True)
        return cls(digests, np.array(hashes, np.uint64), np.stack(thumbnails), np.array(plain))


class Pair(NamedTuple):
    """A picture of one collection and the one of another that it repeats.

    `bits` is the distance of the hashes, `similarity` the correlation: 0 and 1 for an exact copy.
    """

    first: int
    second: int
    bits: int
    similarity: float


def fingerprint(image: np.ndarray) -> Fingerprint:
    """Of an image uint8 [H, W, C] with one or three channels."""
    pixels = np.ascontiguousarray(image)
    digest = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=16)
    digest.update(pixels.data)
    shrinks = min(image.shape[:2]) >= SIDE
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    thumbnail = cv2.resize(pixels, (SIDE, SIDE), interpolation=interpolation)
    thumbnail = thumbnail.reshape(SIDE, SIDE, -1)  # OpenCV drops a single channel.
    grey = _grey(thumbnail)
    nothing = min(image.shape[:2]) < LEAST_SIDE or grey.std() < EMPTY_STD
    plain = 1.0 if nothing else _plain_share(grey)
    return Fingerprint(digest.digest(), _perceptual_hash(grey), thumbnail, plain)


def _plain_share(grey: np.ndarray) -> float:
    neighbours = np.ones((3, 3), np.uint8)
    span = cv2.dilate(grey, neighbours) - cv2.erode(grey, neighbours)
    return float((span < PLAIN_CONTRAST * grey.std()).mean())


def _perceptual_hash(grey: np.ndarray) -> int:
    """64 bits of float32 [32, 32]: which of its lowest frequencies are above their median.

    The discrete cosine transform's first 64 coefficients after the constant one, by rising
    frequency; "pHash" of Zauner, 2010, https://www.phash.org/docs/pubs/thesis_zauner.pdf, which
    takes a square of them.
    """
    low = cv2.dct(grey)[_LOW_ROWS, _LOW_COLUMNS]
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")


_LOW = sorted((row + column, row, column) for row in range(16) for column in range(16))[1:65]
_LOW_ROWS = np.array([row for _, row, _ in _LOW])
_LOW_COLUMNS = np.array([column for _, _, column in _LOW])


def exact_pairs(one: Fingerprints, other: Fingerprints) -> list[Pair]:
    """The pictures of `other` that are in `one`, pixel by pixel; each with the first such."""
    first = {digest: index for index, digest in reversed(list(enumerate(one.digests)))}
    return [
        Pair(first[digest], index, 0, 1.0)
        for index, digest in enumerate(other.digests)
        if digest in first
    ]


def copies(one: Fingerprints) -> list[Pair]:
    """The pictures that came before in the same collection, each with the first such."""
    return [pair for pair in exact_pairs(one, one) if pair.first != pair.second]


def near_pairs(one: Fingerprints, other: Fingerprints) -> list[Pair]:
    """The pictures of `other` that repeat one of `one` without being equal to any of it.

    Each comes once, with the most similar of `one`; most similar pairs first. Every hash is
    compared with every other: 50,000 against 10,000 take two seconds of one core.
    """
    exact = {pair.second for pair in exact_pairs(one, other)}
    best: dict[int, Pair] = {}
    for first, second, bits in _candidates(one, other):
        if second in exact:
            continue
        plain = float(max(one.plain[first], other.plain[second]))
        similarity = _similarity(one.thumbnails[first], other.thumbnails[second], plain)
        if similarity is not None and similarity > getattr(best.get(second), "similarity", -1):
            best[second] = Pair(first, second, bits, similarity)
    return sorted(best.values(), key=lambda pair: (-pair.similarity, pair.second))


def _candidates(one: Fingerprints, other: Fingerprints, block: int = 64):
    """(first, second, bits) whose hashes are near enough for pictures as plain as they are."""
    for start in range(0, len(other.hashes), block):
        hashes, plain = other.hashes[start : start + block], other.plain[start : start + block]
        bits = np.bitwise_count(hashes[:, None] ^ one.hashes[None, :])  # [block, N]
        second, first = np.nonzero(bits <= max(MOST_BITS))
        share = np.maximum(plain[second], one.plain[first])
        near = bits[second, first] <= _between(MOST_BITS, share)
        near &= share < 1  # Those have nothing to be recognised by.
        for i, j in zip(first[near].tolist(), second[near].tolist(), strict=True):
            yield i, start + j, int(bits[j, i])


def _similarity(one: np.ndarray, other: np.ndarray, plain: float) -> float | None:
    """The correlation of two thumbnails where they agree best; None if that is not enough."""
    agreement = cv2.matchTemplate(other, _inside(one), cv2.TM_CCOEFF_NORMED)
    _, correlation, _, (column, row) = cv2.minMaxLoc(agreement)
    if correlation < _between(LEAST_CORRELATION, plain):
        return None
    details = cv2.matchTemplate(
        _detail(_grey(other)), _inside(_detail(_grey(one))), cv2.TM_CCOEFF_NORMED
    )
    if details[row, column] < _between(LEAST_DETAIL_CORRELATION, plain):
        return None
    return float(correlation)


def _between(bounds: tuple[float, float], plain):
    return np.interp(plain, PLAIN_SHARE, bounds)


def _inside(picture: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(picture[SHIFT:-SHIFT, SHIFT:-SHIFT])


def _grey(thumbnail: np.ndarray) -> np.ndarray:
    """float32 [32, 32]"""
    if thumbnail.shape[2] == 1:
        return thumbnail[..., 0].astype(np.float32)
    return cv2.cvtColor(thumbnail, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _detail(grey: np.ndarray) -> np.ndarray:
    return grey - cv2.GaussianBlur(grey, (0, 0), BLUR_SIGMA)
