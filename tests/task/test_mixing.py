from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from jaxcnn.task import mixing
from jaxcnn.task.mixing import make_mix, normalize

mixup, cutmix = jax.jit(mixing.mixup), jax.jit(mixing.cutmix)

KEYS = list(jax.random.split(jax.random.key(0), 200))


@pytest.fixture(scope="module")
def batch():
    """Eight images whose pixels all hold the image's number, with one-hot labels."""
    images = jnp.broadcast_to(jnp.arange(8.0)[:, None, None, None], (8, 12, 8, 3))
    return images, jax.nn.one_hot(jnp.arange(8), 8)


def test_normalize_is_mean_and_std_of_bytes_over_255():
    images = np.random.default_rng(0).integers(256, size=(4, 5, 6, 3), dtype=np.uint8)
    mean, std = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
    out = normalize(jnp.asarray(images), mean, std)
    assert out.dtype == jnp.float32
    np.testing.assert_allclose(out, (images / 255 - mean) / std, atol=1e-6)


def test_normalize_takes_one_mean_for_repeated_channels():
    images = np.full((1, 2, 2, 3), 51, np.uint8)
    np.testing.assert_allclose(normalize(jnp.asarray(images), (0.1,), (0.5,)), 0.2, atol=1e-6)


def test_mixup_blends_images_and_labels_with_one_share(batch):
    images, labels = batch
    for key in KEYS[:20]:
        mixed, targets = mixup(key, images, labels, 0.4)
        share = float(targets[0, 0])
        for i in range(8):
            expected = np.zeros(8)
            expected[i] += share
            expected[7 - i] += 1 - share
            np.testing.assert_allclose(targets[i], expected, atol=1e-6)
            np.testing.assert_allclose(mixed[i], share * i + (1 - share) * (7 - i), atol=1e-5)


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_mixup_shares_follow_the_beta_distribution(batch, alpha):
    images, labels = batch
    keys = jax.random.split(jax.random.key(1), 2000)
    shares = np.array([mixup(key, images, labels, alpha)[1][0, 0] for key in keys])
    assert abs(shares.mean() - 0.5) < 0.04
    assert abs(shares.var() - 1 / (4 * (2 * alpha + 1))) < 0.015


def test_cutmix_pastes_a_rectangle_and_weighs_labels_by_its_area(batch):
    images, labels = batch
    for key in KEYS:
        mixed, targets = map(np.asarray, cutmix(key, images, labels, 1.0))
        pasted = mixed[0, :, :, 0] == 7
        for i in range(8):
            expected = np.where(pasted, 7 - i, i)
            np.testing.assert_array_equal(
                mixed[i], np.broadcast_to(expected[..., None], (12, 8, 3))
            )
            weights = np.zeros(8)
            weights[i] += 1 - pasted.mean()
            weights[7 - i] += pasted.mean()
            np.testing.assert_allclose(targets[i], weights, atol=1e-6)
        rows, columns = np.flatnonzero(pasted.any(1)), np.flatnonzero(pasted.any(0))
        assert pasted.sum() == len(rows) * len(columns)
        for lines in (rows, columns):
            assert len(lines) == 0 or lines[-1] - lines[0] + 1 == len(lines)


def test_cutmix_rectangle_has_the_sides_of_the_paper(batch):
    """Where nothing is clipped, both sides are sqrt(1 - share) of the image's, rounded down."""
    images, labels = batch
    for key in KEYS:
        share_key, row_key, column_key = jax.random.split(key, 3)
        side = np.sqrt(1 - jax.random.beta(share_key, 1.0, 1.0))
        row, column = (
            jax.random.randint(row_key, (), 0, 12),
            jax.random.randint(column_key, (), 0, 8),
        )
        height, width = int(12 * side), int(8 * side)
        expected = np.zeros((12, 8), bool)
        top, left = int(row) - height // 2, int(column) - width // 2
        expected[max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)] = True
        mixed, _ = cutmix(key, images, labels, 1.0)
        np.testing.assert_array_equal(mixed[0, :, :, 0] == 7, expected)


@pytest.mark.parametrize("mix", [mixup, cutmix])
def test_targets_stay_distributions_and_smoothing_commutes(mix, batch):
    images, labels = batch
    _, targets = mix(KEYS[0], images, labels, 1.0)
    np.testing.assert_allclose(targets.sum(-1), 1, atol=1e-6)
    _, smooth = mix(KEYS[0], images, optax.smooth_labels(labels, 0.1), 1.0)
    np.testing.assert_allclose(smooth, optax.smooth_labels(targets, 0.1), atol=1e-6)


def test_either_method_alone_is_that_method_and_none_is_none(batch):
    assert make_mix(mixup_alpha=0.0, cutmix_alpha=0.0) is None
    for method, alphas in [(mixing.mixup, (0.3, 0.0)), (mixing.cutmix, (0.0, 0.3))]:
        mix = make_mix(mixup_alpha=alphas[0], cutmix_alpha=alphas[1])
        assert mix is not None
        ours = jax.make_jaxpr(mix)(KEYS[1], *batch)
        theirs = jax.make_jaxpr(partial(method, alpha=0.3))(KEYS[1], *batch)
        assert str(ours) == str(theirs)


def test_with_both_on_each_batch_draws_one_of_the_two(batch):
    mix = make_mix(mixup_alpha=1.0, cutmix_alpha=1.0)
    assert mix is not None
    jitted = jax.jit(mix)
    by_mixup = 0
    for key in KEYS:
        image = np.asarray(jitted(key, *batch)[0][0])
        pasted = set(np.unique(image)) <= {0.0, 7.0}
        assert pasted or np.ptp(image) < 1e-5, "neither a rectangle nor a blend"
        by_mixup += not pasted
    assert 70 <= by_mixup <= 130


@pytest.mark.parametrize("method", [mixup, cutmix])
def test_sharded_batch_is_mixed_as_a_whole_one(method, batch):
    if jax.device_count() < 2:
        pytest.skip("needs two devices")
    rows = NamedSharding(jax.make_mesh((2,), ("data",)), PartitionSpec("data"))
    whole = method(KEYS[2], *batch, 1.0)
    sharded = method(KEYS[2], *(jax.device_put(part, rows) for part in batch), 1.0)
    assert sharded[0].sharding.is_equivalent_to(rows, 4)
    for one, two in zip(whole, sharded, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-6)
