import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxcnn.data.order import (
    BalancedOrder,
    BatchRng,
    ExampleRng,
    Redrawn,
    batch_examples,
    epoch_order,
)


@given(n=st.integers(1, 3000), seed=st.integers(0, 2**63), epoch=st.integers(0, 10**6))
def test_order_has_every_example_once(n, seed, epoch):
    np.testing.assert_array_equal(np.sort(epoch_order(n, seed, epoch)), np.arange(n))


def test_order_depends_on_seed_and_epoch_and_on_nothing_else():
    orders = [tuple(epoch_order(50, seed, epoch)) for seed in range(5) for epoch in range(5)]
    assert len(set(orders)) == 25
    epoch_order.cache_clear()
    assert tuple(epoch_order(50, 0, 0)) == orders[0]


@pytest.mark.parametrize("by", ["seed", "epoch"])
def test_all_orders_of_four_examples_are_equally_frequent(by):
    draws = 24 * 400
    orders = [epoch_order(4, *((i, 7) if by == "seed" else (7, i))) for i in range(draws)]
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == 24
    chi_squared = ((counts - 400) ** 2 / 400).sum()
    assert chi_squared < 49.7  # 23 degrees of freedom, exceeded by chance once in 1,000.


def test_cached_order_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        epoch_order(5, 0, 0)[0] = 1


def test_stream_is_that_of_philox_started_at_the_example():
    for seed, epoch, example in [(0, 0, 0), (3, 5, 60_000), (2**63, 1, 2)]:
        key, counter = np.array([seed, epoch], np.uint64), np.array([0, 0, 1, example], np.uint64)
        expected = np.random.Generator(np.random.Philox(key=key, counter=counter))
        stream = ExampleRng(seed, epoch)(example)
        np.testing.assert_array_equal(
            stream.integers(2**60, size=9), expected.integers(2**60, size=9)
        )


@given(
    examples=st.lists(st.integers(0, 50), min_size=1, max_size=20),
    draws=st.lists(st.integers(0, 5), min_size=20, max_size=20),
)
def test_stream_does_not_depend_on_what_was_drawn_before(examples, draws):
    rng = ExampleRng(1, 2)
    for example, count in zip(examples, draws, strict=False):
        stream = rng(example)
        # 32-bit draws leave half a word in the generator's buffer.
        drawn = stream.integers(2**31, size=count, dtype=np.uint32), stream.random(count)
        fresh = ExampleRng(1, 2)(example)
        np.testing.assert_array_equal(drawn[0], fresh.integers(2**31, size=count, dtype=np.uint32))
        np.testing.assert_array_equal(drawn[1], fresh.random(count))


def test_streams_of_neighbours_are_independent():
    first = np.array([ExampleRng(0, 0)(i).random(4) for i in range(2000)])
    later = np.array([ExampleRng(0, 1)(i).random(4) for i in range(2000)])
    other = np.array([ExampleRng(1, 0)(i).random(4) for i in range(2000)])
    table = np.concatenate([first, later, other, np.roll(first, 1, axis=0)], axis=1)
    correlation = np.corrcoef(table.T) - np.eye(16)
    assert np.abs(correlation).max() < 4.5 / 2000**0.5
    np.testing.assert_allclose(table.mean(0), 0.5, atol=4.5 * (1 / 12 / 2000) ** 0.5)


@given(
    n=st.integers(12, 300),
    repeats=st.integers(1, 4),
    distinct=st.integers(1, 3),
    seed=st.integers(0, 99),
    epoch=st.integers(0, 9),
)
def test_each_example_of_a_batch_comes_once_for_each_repeat(n, repeats, distinct, seed, epoch):
    size = repeats * distinct
    seen = []
    for position in range(n // size):
        examples, which = batch_examples(n, size, repeats, seed, epoch, position)
        assert len(examples) == len(which) == size
        assert len(set(zip(examples.tolist(), which.tolist(), strict=True))) == size
        assert set(which.tolist()) == set(range(repeats))
        seen += sorted(set(examples.tolist()))
        # Those that mixing pairs are different, but one of an odd number.
        alike = (examples == examples[::-1]).sum()
        assert alike == (repeats if distinct % 2 else 0)
    assert len(seen) == len(set(seen)) == n // size * distinct


def test_without_repeats_a_batch_is_the_next_part_of_the_epochs_order():
    examples, which = batch_examples(50, 8, 1, 3, 2, 4)
    np.testing.assert_array_equal(examples, epoch_order(50, 3, 2)[32:40])
    assert not which.any()


def test_repeats_have_streams_of_their_own_and_the_first_is_the_examples():
    draws = [tuple(ExampleRng(1, 2)(e, r).integers(2**60, size=3)) for e in (0, 7) for r in (0, 1)]
    assert len(set(draws)) == 4
    rng = ExampleRng(1, 2)
    assert tuple(rng(7, 1).integers(2**60, size=3)) == draws[3]
    assert tuple(rng(7).integers(2**60, size=3)) == draws[2]


LABELS = st.lists(st.integers(0, 5), min_size=1, max_size=80).map(np.array)


@given(labels=LABELS, seed=st.integers(0, 2**32), epoch=st.integers(0, 1000))
def test_balanced_order_has_every_class_equally_often_from_any_start(labels, seed, epoch):
    examples, _ = BalancedOrder(labels, seed).epoch(epoch)
    assert len(examples) == len(labels)
    present = np.unique(labels)
    for length in range(1, len(labels) + 1):
        counts = np.bincount(labels[examples[:length]], minlength=6)[present]
        assert counts.max() - counts.min() <= 1


@given(labels=LABELS, epoch=st.integers(0, 1000))
def test_balanced_order_repeats_no_example_before_the_whole_class_came(labels, epoch):
    examples, repeats = BalancedOrder(labels, 3).epoch(epoch)
    before = np.zeros(len(labels), int)
    for example, repeat in zip(examples, repeats, strict=True):
        assert repeat == before[example]
        before[example] += 1
    for label in np.unique(labels):
        drawn = before[labels == label]
        assert drawn.max() - drawn.min() <= 1


def test_balanced_order_depends_on_seed_and_epoch_and_on_nothing_else():
    labels = np.array([0] * 40 + [1] * 5)
    orders = [
        tuple(BalancedOrder(labels, seed).epoch(epoch)[0])
        for seed in range(4)
        for epoch in range(4)
    ]
    assert len(set(orders)) == 16
    assert tuple(BalancedOrder(labels.copy(), 0).epoch(0)[0]) == orders[0]


def test_balanced_order_comes_to_every_example_of_a_large_class():
    labels = np.array([0] * 90 + [1] * 10)
    order = BalancedOrder(labels, 0)
    drawn = np.bincount(np.concatenate([order.epoch(e)[0] for e in range(40)]), minlength=100)
    # 50 places an epoch for 90 examples: 22.2 times each, with deviation 3.1.
    assert drawn[:90].min() > 22.2 - 5 * 3.2 and drawn[:90].max() < 22.2 + 5 * 3.2
    assert drawn[90:].tolist() == [200] * 10


def test_repeats_of_an_example_have_streams_of_their_own():
    rng = ExampleRng(1, 2)
    streams = {tuple(rng(5, repeat).random(4)) for repeat in range(100)}
    assert len(streams) == 100
    np.testing.assert_array_equal(rng(5, 0).random(4), ExampleRng(1, 2)(5).random(4))


@pytest.mark.parametrize(
    "draws",
    [
        [("integers", 9), ("integers", 9), ("random",)],
        [("integers", 5), ("random",), ("integers", 1), ("integers", 3), ("integers", 70_000)],
        [("random",), ("random",), ("integers", 2**31)],
    ],
    ids=str,
)
def test_a_batchs_streams_are_those_of_its_examples(draws):
    examples, repeats = np.array([0, 7, 2**33, 7, 12]), np.array([0, 0, 1, 3, 2])
    batch = BatchRng(2**40, 5, examples, repeats)
    ours = np.stack([getattr(batch, name)(*limit) for name, *limit in draws], axis=1)
    rng = ExampleRng(2**40, 5)
    for row, example, repeat in zip(ours, examples.tolist(), repeats.tolist(), strict=True):
        stream = rng(example, repeat)
        assert row.tolist() == [getattr(stream, name)(*limit) for name, *limit in draws]


def test_a_number_that_numpy_would_draw_again_is_refused():
    """Of 2^31 + 1 values about every second word is refused."""
    with pytest.raises(Redrawn):
        BatchRng(0, 0, np.arange(64), np.zeros(64, int)).integers(2**31 + 1)


def test_the_lasting_number_of_an_example_is_its_own_in_every_epoch():
    examples, repeats = np.array([0, 5, 5, 2**40]), np.array([0, 0, 1, 0])
    lasting = BatchRng(3, 0, examples, repeats).lasting()
    assert len(set(lasting)) == 4 and ((lasting >= 0) & (lasting < 1)).all()
    for epoch in (0, 1, 9):
        np.testing.assert_array_equal(BatchRng(3, epoch, examples, repeats).lasting(), lasting)
        rng = ExampleRng(3, epoch)
        pairs = zip(examples.tolist(), repeats.tolist(), strict=True)
        assert [rng(*each).lasting() for each in pairs] == lasting.tolist()
    assert (BatchRng(4, 0, examples, repeats).lasting() != lasting).all()


def test_the_lasting_number_takes_nothing_from_the_stream_and_does_not_change():
    one, other = ExampleRng(1, 2)(7), ExampleRng(1, 2)(7)
    assert one.lasting() == one.lasting()
    assert one.random() == other.random() != one.lasting()
    batch = BatchRng(1, 2, np.array([7]), np.array([0]))
    assert batch.lasting() == batch.lasting() == one.lasting()
    assert batch.random() == ExampleRng(1, 2)(7).random()
