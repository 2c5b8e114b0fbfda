"""What a fresh run begins with."""

import cv2
import jax
import numpy as np
import pytest

from jaxcnn.engine.feed import Feed
from jaxcnn.engine.program import build
from jaxcnn.models import airbench
from jaxcnn.recipe import Augment, Mesh, Optim, Recipe
from jaxcnn.train.start import fresh_state


@pytest.fixture
def recipe(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(24):
        path = tmp_path / "train" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), rng.integers(256, size=(12, 12, 3), dtype=np.uint8))
    return Recipe(
        "airbench94",
        "image_folder",
        data_dir=str(tmp_path),
        image_size=12,
        batch_size=4,
        steps=1,
        optim=Optim(ema_decay=0.9),
        augment=Augment(crop_padding=3, flip=True),
        mesh=Mesh(data=2, fsdp=2),
    )


def test_a_first_layer_that_whitens_does_so_for_the_training_images_as_they_are(recipe):
    feed = Feed(recipe)
    program = build(recipe, feed.spec, steps_per_epoch=1, total_steps=1)
    state = fresh_state(recipe, feed, program, None, print)
    images = np.stack([feed.train[index]["image"] for index in range(len(feed.train))])
    mean, std = (np.float32(each) for each in (feed.input.mean, feed.input.std))
    normalised = (images.astype(np.float32) / 255 - mean) / std
    expected = airbench.whitened(jax.device_get(state.batch_stats), normalised)
    kernel = state.batch_stats["whiten"]["kernel"]
    np.testing.assert_array_equal(kernel, expected["whiten"]["kernel"])
    np.testing.assert_array_equal(state.ema_batch_stats["whiten"]["kernel"], kernel)
    assert not np.allclose(kernel, program.init_state().batch_stats["whiten"]["kernel"])
    places = jax.tree.map(lambda leaf: leaf.sharding, (state, program.state_like))
    assert places[0] == places[1]
