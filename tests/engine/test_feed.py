"""What a recipe says of its data is what training gets."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from jaxcnn.data import ExampleError
from jaxcnn.data.augment.erasing import TimmErasing
from jaxcnn.data.augment.rand_augment import RandAugment
from jaxcnn.data.augment.random_resized_crop import RandomResizedCrop
from jaxcnn.data.augment.warp import Sampling
from jaxcnn.data.balance import effective_number_weights, inverse_frequency_weights
from jaxcnn.data.preprocessing import Preprocessing
from jaxcnn.engine.feed import Feed
from jaxcnn.recipe import Augment, Recipe

COUNTS = {"cat": 60, "dog": 20}


@pytest.fixture
def recipe(tmp_path):
    for name, count in COUNTS.items():
        (tmp_path / name).mkdir()
        for i in range(count):
            cv2.imwrite(str(tmp_path / name / f"{i:02}.png"), np.full((12, 12, 3), i, np.uint8))
    return Recipe(
        "lenet5",
        "image_folder",
        data_dir=str(tmp_path),
        image_size=32,
        batch_size=8,
        resize="crop",
    )


def labels(feed, steps=7):
    return [batch["label"] for batch in feed.train_batches(0, steps)]


def test_what_is_erased_is_noise_by_the_normalisation_of_the_weights_that_a_run_starts_from(recipe):
    augment = Augment(
        policy="randaugment", interpolation="bicubic", erase="timm", erase_probability=0.5
    )
    half = (0.5, 0.5, 0.5)
    feed = Feed(replace(recipe, augment=augment), Preprocessing(half, half))
    assert feed._train_transforms[32] == (
        RandomResizedCrop(32, interpolation="bicubic"),
        RandAugment(sampling=Sampling("bicubic")),
        TimmErasing(0.5, half, half),
    )


def test_classes_are_drawn_as_they_are_or_equally_often(recipe):
    feed = Feed(recipe)
    drawn = np.bincount(np.concatenate(labels(feed, feed.steps_per_epoch)))
    there = np.bincount(feed.train.labels)
    assert drawn.sum() > len(feed.train) - 8 and (drawn <= there).all()
    balanced = labels(Feed(replace(recipe, sampling="balanced")))
    assert [np.bincount(batch).tolist() for batch in balanced] == [[4, 4]] * 7


def test_without_class_weights_there_are_none():
    assert Feed(Recipe("lenet5", image_size=32)).class_weights is None


@pytest.mark.parametrize(
    ("name", "weights"),
    [("balanced", inverse_frequency_weights), ("effective", effective_number_weights)],
)
def test_class_weights_are_of_the_training_splits_counts(recipe, name, weights):
    expected = weights(np.bincount(Feed(recipe).train.labels))
    np.testing.assert_allclose(Feed(replace(recipe, class_weights=name)).class_weights, expected)


def test_a_bad_picture_ends_the_run_or_is_left_out_and_listed(recipe, tmp_path):
    bad = [tmp_path / "cat" / f"{i:02}.png" for i in range(0, 60, 4)]
    for path in bad:
        path.write_bytes(b"no picture")
    with pytest.raises(ExampleError, match=r"cat/\d\d\.png is not a picture"):
        labels(Feed(recipe))
    feed = Feed(replace(recipe, on_error="skip"))
    assert sum(map(len, labels(feed, feed.steps_per_epoch))) > 0
    counted = sum(batch["weight"].sum() for batch in feed.eval_batches("test"))
    listed = [reason for split in feed.left_out.values() for reason in split]
    assert len(listed) == len(bad)
    assert all(any(str(path) in reason for reason in listed) for path in bad)
    assert counted == len(feed.test) > 0
    assert len(feed.train) + len(feed.val) + len(feed.test) == 80 - len(bad)


def test_leaving_out_moves_no_other_example_to_another_split(recipe, tmp_path):
    def files(feed, split):
        source, indices = getattr(feed, split), None
        while hasattr(source, "source"):
            indices = source.indices if indices is None else source.indices[indices]
            source = source.source
        return {source.paths[i] for i in indices}

    before = {split: files(Feed(recipe), split) for split in ("train", "val", "test")}
    bad = tmp_path / "dog" / "03.png"
    bad.write_bytes(b"no picture")
    feed = Feed(replace(recipe, on_error="skip"))
    for split, paths in before.items():
        assert files(feed, split) == paths - {bad}
