"""Operations and magnitudes against torchvision's (goldens), draws against the papers' rules."""

import json
import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from jaxcnn.data.augment import policies
from jaxcnn.data.augment.policies import (
    AUGMIX,
    AUTOAUGMENT_PAIRS,
    COMMON,
    MIXED,
    OPERATIONS,
    SIGNED,
    USUAL,
    WIDE,
    AugMix,
    AutoAugment,
    RandAugment,
    TrivialAugmentWide,
)
from jaxcnn.data.augment.warp import Sampling

GOLDENS = dict(np.load(Path(__file__).parent / "goldens" / "augment.npz"))
# Ranges and number of levels of each of torchvision's spaces.
SPACES = {"auto": (USUAL, 10), "usual": (USUAL, 31), "wide": (WIDE, 31), "mixed": (MIXED, 10)}
ALL = (
    AutoAugment("cifar10"),
    AutoAugment("imagenet"),
    RandAugment(),
    TrivialAugmentWide(),
    AugMix(),
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def picture(channels: int = 3) -> np.ndarray:
    image = GOLDENS["image"]
    return image if channels == 3 else image[..., :1]


def entries(kind: str) -> list[list[str]]:
    return [key.split("/")[1:] for key in GOLDENS if key.startswith(f"{kind}/")]


@pytest.mark.parametrize("name", ["cifar10", "imagenet"])
def test_autoaugments_pairs_are_torchvisions(name):
    theirs = json.loads(str(GOLDENS[f"pairs/{name}"]))
    ours = [[list(step) for step in pair] for pair in AUTOAUGMENT_PAIRS[name]]
    assert ours == theirs
    assert len(ours) == 25


@pytest.mark.parametrize(("space", "operation", "signed"), entries("magnitudes"))
def test_magnitudes_and_signs_are_torchvisions(space, operation, signed):
    ranges, levels = SPACES[space]
    theirs = GOLDENS[f"magnitudes/{space}/{operation}/{signed}"]
    ours = [ranges.value(operation, level / (levels - 1), (224, 224, 3)) for level in range(levels)]
    if len(theirs):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=2e-5)
        if operation in ("TranslateX", "TranslateY"):  # Cut off to whole pixels.
            # torchvision counts in float32, where half of 32 pixels is 15.999999.
            assert [int(v) for v in ours] == theirs.astype(float).round(4).astype(int).tolist()
    assert (operation in SIGNED) == (signed == "signed")


@pytest.mark.parametrize(
    ("space", "operations"), [("usual", COMMON), ("wide", COMMON), ("mixed", AUGMIX)]
)
def test_policies_draw_from_torchvisions_operations(space, operations):
    theirs = [operation for its_space, operation, _ in entries("magnitudes") if its_space == space]
    assert sorted(operations) == sorted(theirs)


@pytest.mark.parametrize(("space", "operation", "level", "sign", "mode"), entries("images"))
def test_images_are_torchvisions(space, operation, level, sign, mode):
    """Colours to the grey level; warped, as `warp` says, but for ties and borders."""
    ranges, levels = SPACES[space]
    value = int(sign) * ranges.value(operation, int(level) / (levels - 1), picture().shape)
    ours = OPERATIONS[operation](picture(), value, Sampling(mode, (7, 80, 200)))  # pyright: ignore[reportArgumentType]
    theirs = GOLDENS["/".join(["images", space, operation, level, sign, mode])]
    apart = np.abs(ours.astype(int) - theirs).max(axis=2)
    if operation.startswith(("Shear", "Rotate")):
        assert (apart > 1).mean() <= (0.01 if mode == "nearest" else 0.1)
    else:
        assert apart.max() == 0


@pytest.fixture
def performed(monkeypatch):
    """What a policy does: (operation, value) in order."""
    calls: list[tuple[str, float]] = []

    def recording(name, operation):
        def run(image, value, sampling):
            calls.append((name, value))
            return operation(image, value, sampling)

        return run

    recorded = {name: recording(name, operation) for name, operation in OPERATIONS.items()}
    monkeypatch.setattr(policies, "OPERATIONS", recorded)
    return calls


@pytest.mark.parametrize("name", ["cifar10", "imagenet"])
def test_autoaugment_draws_pairs_evenly_and_each_operation_with_its_probability(name, performed):
    stream, expected, draws = rng(), Counter(), 3000
    for pair in AUTOAUGMENT_PAIRS[name]:
        for operation, probability, level in pair:
            size = USUAL.value(operation, level / 9, picture().shape)
            expected[operation, round(size, 6)] += draws * probability / 25
    for _ in range(draws):
        AutoAugment(name)(picture(), stream)
    signed = [value for operation, value in performed if operation in SIGNED and value]
    assert abs(np.mean(np.array(signed) > 0) - 0.5) < 0.06
    counts = Counter((operation, round(abs(value), 6)) for operation, value in performed)
    assert counts.keys() <= expected.keys()
    for key, count in expected.items():
        assert abs(counts[key] - count) < 5 * count**0.5 + 1e-9


def test_randaugment_does_so_many_operations_each_as_often_all_as_strong(performed):
    stream, draws = rng(), 2000
    for _ in range(draws):
        RandAugment(num_ops=2, magnitude=12)(picture(), stream)
    assert len(performed) == 2 * draws
    counts = Counter(operation for operation, _ in performed)
    each = 2 * draws / len(COMMON)
    assert all(abs(counts[name] - each) < 5 * each**0.5 for name in COMMON)
    for operation, value in performed:
        assert abs(value) == abs(USUAL.value(operation, 0.4, picture().shape))


def test_randaugments_magnitude_is_drawn_around_its_mean_within_0_and_30(performed):
    stream = rng()
    for _ in range(1500):
        RandAugment(num_ops=1, magnitude=27, magnitude_std=1.5)(picture(), stream)
    drawn = np.array([abs(value) for name, value in performed if name == "Rotate"])
    assert abs(drawn.mean() - 27) < 0.6
    assert 1.0 < drawn.std() < 2.0
    assert drawn.max() <= 30


def test_trivialaugment_does_one_operation_at_any_of_31_strengths(performed):
    stream, draws = rng(), 3000
    for _ in range(draws):
        TrivialAugmentWide()(picture(), stream)
    assert len(performed) == draws
    counts = Counter(operation for operation, _ in performed)
    each = draws / len(COMMON)
    assert all(abs(counts[name] - each) < 5 * each**0.5 for name in COMMON)
    angles = {round(abs(value), 4) for name, value in performed if name == "Rotate"}
    assert angles <= {round(4.5 * level, 4) for level in range(31)}
    assert len(angles) > 25


def test_augmix_does_three_chains_of_one_to_three_operations_up_to_its_severity(performed):
    stream, lengths = rng(), Counter()
    for _ in range(400):
        before = len(performed)
        AugMix(severity=3)(picture(), stream)
        lengths[len(performed) - before] += 1
    assert set(lengths) == set(range(3, 10))
    assert {name for name, _ in performed} == set(AUGMIX)
    angles = {round(abs(value), 6) for name, value in performed if name == "Rotate"}
    assert angles == {0.0, round(30 / 9, 6), round(60 / 9, 6)}
    performed.clear()
    AugMix(width=2, depth=5)(picture(), stream)
    assert len(performed) == 10


def test_augmix_mixes_the_image_and_its_chains_by_weights_that_sum_to_one(monkeypatch):
    """Every operation paints the image one colour: what is mixed can be read off."""
    paint = {name: lambda image, value, sampling: np.full_like(image, 200) for name in OPERATIONS}
    monkeypatch.setattr(policies, "OPERATIONS", paint)
    image = np.full((2, 2, 3), 100, np.uint8)
    stream = rng()
    shares = np.array([(AugMix()(image, stream)[0, 0, 0] - 100) / 100 for _ in range(500)])
    assert shares.min() < 0.02
    assert shares.max() > 0.98
    assert abs(shares.mean() - 0.5) < 0.06  # Beta(1, 1).
    near = [AugMix(alpha=200.0)(image, stream)[0, 0, 0] for _ in range(20)]
    assert max(abs(int(v) - 150) for v in near) < 15


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("policy", ALL, ids=repr)
def test_the_image_is_a_function_of_the_generator_and_the_original_is_untouched(policy, channels):
    image = picture(channels)[:, ::-1][1:]
    original = image.copy()
    image.flags.writeable = False
    outs = [policy(image, rng(seed)) for seed in range(60)]
    for seed, out in enumerate(outs):
        assert out.dtype == np.uint8
        assert out.shape == image.shape
        np.testing.assert_array_equal(out, policy(image, rng(seed)))
    np.testing.assert_array_equal(image, original)
    assert len({out.tobytes() for out in outs}) > 10


@pytest.mark.parametrize("policy", ALL, ids=repr)
def test_policies_are_values_that_travel_to_workers(policy):
    assert pickle.loads(pickle.dumps(policy)) == policy
    with pytest.raises(AttributeError):
        policy.sampling = Sampling("bilinear")


def test_the_fill_reaches_the_operations():
    policy = RandAugment(num_ops=1, magnitude=30, sampling=Sampling(fill=(1, 254, 3)))
    image = np.full((16, 16, 3), 128, np.uint8)
    outs = [policy(image, rng(seed)) for seed in range(40)]
    assert any((out == (1, 254, 3)).all(axis=2).any() for out in outs)
