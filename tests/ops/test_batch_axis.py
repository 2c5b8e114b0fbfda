"""A device's part of what is drawn and mirrored is that of the whole batch."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.ops.batch_axis import (
    BATCH_AXIS,
    batch_axis,
    draw_rows,
    mean_over_devices,
    mirrored_rows,
    sum_over_devices,
)

X = jnp.arange(24.0).reshape(8, 3)


def on_four_devices(function, x=X):
    """The rows that four devices give, together."""
    parts = jax.vmap(function, axis_name=BATCH_AXIS)(x.reshape(4, -1, *x.shape[1:]))
    return np.asarray(parts).reshape(-1, *parts.shape[2:])


def test_there_is_no_axis_but_under_a_map_over_it():
    assert batch_axis() is None
    assert jax.vmap(lambda x: x if batch_axis() is None else -x)(X).min() == 0
    assert on_four_devices(lambda x: x if batch_axis() is None else -x).max() == 0


def test_rows_are_mirrored_over_the_whole_batch():
    np.testing.assert_array_equal(mirrored_rows(X), X[::-1])
    np.testing.assert_array_equal(on_four_devices(mirrored_rows), X[::-1])


def test_rows_are_drawn_as_for_the_whole_batch():
    draw = partial(draw_rows, partial(jax.random.normal, jax.random.key(0)))
    whole = draw(X.shape)
    np.testing.assert_array_equal(on_four_devices(lambda x: draw(x.shape)), whole)
    assert len(np.unique(whole)) == whole.size


def test_sums_and_means_are_those_of_the_whole_batch():
    assert sum_over_devices(X.sum()) == X.sum()
    assert set(on_four_devices(lambda x: sum_over_devices(x.sum())[None])) == {float(X.sum())}
    assert set(on_four_devices(lambda x: mean_over_devices(x.mean())[None])) == {float(X.mean())}
