"""Which example comes when, and with which random numbers: functions of integers, no state.

Philox is a counter-based generator (Salmon et al., 2011,
https://www.thesalmons.org/john/random123/papers/random123sc11.pdf): any (key, counter) starts an
independent stream at no cost. The key is (seed, epoch); the counter's upper words name the stream,
the lowest counts the numbers drawn from it.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

# Third word of the counter: what a stream is for.
ORDER, AUGMENTATION, BALANCED_ORDER, LASTING = 0, 1, 2, 3


# A batch asks for a slice of one epoch's order; prefetching reaches into the next epoch.
@lru_cache(maxsize=2)
def epoch_order(num_examples: int, seed: int, epoch: int) -> np.ndarray:
    """A uniformly random permutation of the examples, int64 [num_examples], read-only.

    A whole permutation an epoch takes 8 bytes an example, and milliseconds. Grain's
    `index_shuffle` needs no memory, but was measured at 7 microseconds an index for 100,000
    examples and 3 milliseconds for 11, more than all other work on a small image.
    """
    order = np.random.Generator(_philox(seed, epoch, ORDER, 0)).permutation(num_examples)
    order.flags.writeable = False
    return order


def batch_examples(
    num_examples: int, batch_size: int, repeats: int, seed: int, epoch: int, position: int
) -> tuple[np.ndarray, np.ndarray]:
    """Examples of an epoch's batch at `position`, and which repeat each is: int64 [batch_size].

    With `repeats` R, a batch has batch_size / R examples, all of them R times, so that one example
    is in it in R versions (Hoffer et al., 2020, https://arxiv.org/abs/1901.09335). An epoch stays
    as long as it was, as in DeiT's: it has one example in R.

    The whole set of examples comes again and again. So those that sit at mirrored rows, as mixing
    pairs them, are different (but one of an odd number), and processes share the repeats.
    """
    distinct = batch_size // repeats
    start = position * distinct
    examples = epoch_order(num_examples, seed, epoch)[start : start + distinct]
    return np.tile(examples, repeats), np.repeat(np.arange(repeats), distinct)


@dataclass(frozen=True, eq=False)  # Told apart by identity: labels are too long to compare.
class BalancedOrder:
    """An order in which every class comes equally often, whatever its size.

    The epoch has as many places as there are examples. It goes in rounds: each has every class
    once, in random order, so in any number of places, and after any step, no class is more than one
    ahead of another. Within a class the examples come in random order, all of them once before any
    comes again: a small class is repeated, of a large one each epoch sees other examples.

    Args:
        labels: int [N], the class of each example; classes without any take no part.
        seed: of the order.
    """

    labels: np.ndarray
    seed: int

    def epoch(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Examples in order, int64 [N], and how often each came before in this epoch, int64 [N]."""
        return _balanced_epoch(self, epoch)


@lru_cache(maxsize=2)
def _balanced_epoch(order: BalancedOrder, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.Generator(_philox(order.seed, epoch, BALANCED_ORDER, 0))
    size = len(order.labels)
    classes = np.unique(order.labels)
    rounds = np.tile(np.arange(len(classes)), (-(-size // len(classes)), 1))
    turns = rng.permuted(rounds, axis=1).ravel()[:size]  # Which class comes at each place.
    examples, repeats = np.empty(size, np.int64), np.empty(size, np.int64)
    for turn, label in enumerate(classes):
        places = np.flatnonzero(turns == turn)
        members = np.flatnonzero(order.labels == label)
        passes = -(-len(places) // len(members))
        shuffled = rng.permuted(np.tile(members, (passes, 1)), axis=1).ravel()
        examples[places] = shuffled[: len(places)]
        repeats[places] = np.arange(len(places)) // len(members)
    examples.flags.writeable = repeats.flags.writeable = False
    return examples, repeats


@dataclass(frozen=True)
class TrainOrder:
    """Which examples each step of a training takes: a function of the step.

    Args:
        num_examples: of the training set.
        batch_size: examples a step; those left over at an epoch's end differ from epoch to epoch.
        seed: of the order.
        repeats: of each example in a batch, see `batch_examples`.
        balanced: the order in place of a shuffled one.
    """

    num_examples: int
    batch_size: int
    seed: int
    repeats: int = 1
    balanced: BalancedOrder | None = None

    def __call__(self, step: int) -> tuple[int, np.ndarray, np.ndarray]:
        """The epoch of a step's batch, its examples, and which repeat each is, both int64 [N]."""
        epoch, position = divmod(step, self.num_examples // self.batch_size)
        if self.balanced is None:
            examples, repeats = batch_examples(
                self.num_examples, self.batch_size, self.repeats, self.seed, epoch, position
            )
        else:
            batch = slice(position * self.batch_size, (position + 1) * self.batch_size)
            examples, repeats = (of_epoch[batch] for of_epoch in self.balanced.epoch(epoch))
        return epoch, examples, repeats


class ExampleStream(np.random.Generator):
    """The random numbers of one example in one epoch, and one that it has in all of them."""

    def __init__(self, seed: int, epoch: int) -> None:
        super().__init__(_philox(seed, epoch, AUGMENTATION, 0))
        self.seed, self.epoch = seed, epoch
        self.example, self.repeat = 0, 0

    def lasting(self) -> float:
        """Of [0, 1), a function of (seed, example, repeat): the same whenever it is asked for."""
        bits = _philox(self.seed, 0, LASTING, self.example, self.repeat)
        return np.random.Generator(bits).random()


class ExampleRng:
    """Random numbers for augmentation: `rng(example, repeat)`.

    They are a function of (seed, epoch, example, repeat).

    An example that comes more than once an epoch has other numbers each time: `repeat` says how
    often it came before.

    One generator is moved from stream to stream, since making one takes far longer. So a
    generator is good until the next call, and an ExampleRng belongs to one thread.
    """

    def __init__(self, seed: int, epoch: int) -> None:
        self._stream = ExampleStream(seed, epoch)
        self._bits: Any = self._stream.bit_generator
        self._start = self._bits.state  # Nothing drawn yet, so no buffered numbers.
        self._counter = self._start["state"]["counter"]

    def __call__(self, example: int, repeat: int = 0) -> ExampleStream:
        # The lowest word counts the numbers drawn: no example will draw all 2^64 of a repeat.
        self._counter[1], self._counter[3] = repeat, example
        self._bits.state = self._start
        self._stream.example, self._stream.repeat = example, repeat
        return self._stream


class Redrawn(Exception):
    """A row's number was refused and would be drawn again: rows are no longer in step."""


class BatchRng:
    """The streams of several examples at once, for what draws the same kinds of number from each.

    Row i of what a method returns is what a `numpy.random.Generator` at stream (examples[i],
    repeats[i]) returns at the same call, to the bit; so is what it leaves in the stream. (NEP 19
    leaves NumPy free to change how it makes numbers of bits; a test compares.) Of each stream the
    first WORDS words of 64 bits are there.

    Args:
        seed, epoch: as for `ExampleRng`.
        examples, repeats: int [N].
    """

    WORDS = 4  # One block of Philox; a crop takes one, a flip another.

    def __init__(self, seed: int, epoch: int, examples: np.ndarray, repeats: np.ndarray) -> None:
        self._count = len(examples)
        self._streams = seed, examples, repeats
        self.epoch = epoch
        self._words = iter(_first_blocks(seed, epoch, AUGMENTATION, examples, repeats))
        self._half: np.ndarray | None = None  # Of a word, for the next integer.

    def integers(self, high: int) -> np.ndarray:
        """int64 [N], each of [0, high), high at most 2^32 - 1. Raises Redrawn, rarely.

        By multiplication, as Lemire, 2019, https://arxiv.org/abs/1805.10941, section 4.
        """
        if high == 1:
            return np.zeros(self._count, np.int64)  # Nothing is drawn.
        if self._half is None:
            word = next(self._words)
            half, self._half = word & 0xFFFFFFFF, word >> 32
        else:
            half, self._half = self._half, None
        product = half * np.uint64(high)
        if ((product & 0xFFFFFFFF) < (2**32 - high) % high).any():
            raise Redrawn
        return (product >> 32).astype(np.int64)

    def random(self) -> np.ndarray:
        """float64 [N], each of [0, 1)."""
        return _unit(next(self._words))

    def lasting(self) -> np.ndarray:
        """float64 [N], each of [0, 1): `ExampleStream.lasting`."""
        seed, examples, repeats = self._streams
        return _unit(_first_blocks(seed, 0, LASTING, examples, repeats)[0])


def _unit(words: np.ndarray) -> np.ndarray:
    """float64 of [0, 1), as NumPy makes it of 64 bits."""
    return (words >> 11) * 2.0**-53


def _first_blocks(
    seed: int, epoch: int, purpose: int, examples: np.ndarray, repeats: np.ndarray
) -> np.ndarray:
    """The first block of each stream (examples[i], repeats[i]), uint64 [4, N].

    Philox4x64 with ten rounds, as NumPy's and as Salmon et al. have it (section 3.3). NumPy would
    have to be asked stream by stream, at several times the cost of a small image's other work.
    """
    # NumPy counts one up before a block. Rows: words of the counter.
    counter = np.empty((4, len(examples)), np.uint64)
    counter[0], counter[1], counter[2], counter[3] = 1, repeats, purpose, examples
    key = np.array([seed, epoch], np.uint64)
    for _ in range(10):
        high_0, low_0 = _wide_product(_PHILOX_MULTIPLIERS[0], counter[0])
        high_2, low_2 = _wide_product(_PHILOX_MULTIPLIERS[1], counter[2])
        first, third = high_2 ^ counter[1] ^ key[0], high_0 ^ counter[3] ^ key[1]
        counter = np.stack([first, low_2, third, low_0])
        key = key + _PHILOX_WEYL
    return counter


_PHILOX_MULTIPLIERS = np.array([0xD2E7470EE14C6C93, 0xCA5A826395121157], np.uint64)
_PHILOX_WEYL = np.array([0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B], np.uint64)


def _wide_product(a: np.uint64, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The upper and the lower 64 bits of a times b, by halves of 32."""
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    a_low, a_high, b_low, b_high = a & low, a >> half, b & low, b >> half
    lower, cross = a_low * b_low, a_high * b_low
    middle = a_low * b_high + (cross & low) + (lower >> half)
    return a_high * b_high + (cross >> half) + (middle >> half), a * b


def _philox(seed: int, epoch: int, purpose: int, example: int, repeat: int = 0) -> np.random.Philox:
    key = np.array([seed, epoch], np.uint64)
    return np.random.Philox(key=key, counter=np.array([0, repeat, purpose, example], np.uint64))
