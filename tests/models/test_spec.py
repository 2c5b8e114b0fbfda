"""What all model files share: the order of layers, and what is refused."""

import jax
import jax.numpy as jnp
import pytest

from jaxcnn.errors import UserError
from jaxcnn.models.spec import LayerOrder, is_small, require_size


def test_layers_are_numbered_from_the_stem_to_the_head():
    order = LayerOrder("stem_", r"stages_(\d+)_(?:blocks_(\d+)|downsample)", closing="norm")
    numbers = {
        "stem_conv": 0,
        "stem_norm": 0,
        "stages_0_blocks_0": 1,
        "stages_1_downsample": 2,  # It finds no number, and counts as block 0.
        "stages_1_blocks_2": 3,
        "stages_1_blocks_10": 4,
        "norm": 4,
        "head": 5,
    }
    assert order.numbers(sorted(numbers)) == numbers


def test_an_unknown_stem_is_refused_with_those_there_are():
    assert is_small("small") and not is_small("imagenet")
    with pytest.raises(UserError, match="stem is 'imagenet' or 'small'; got 'tiny'"):
        is_small("tiny")


def test_images_are_refused_for_their_shorter_side():
    images = jax.ShapeDtypeStruct((1, 40, 32, 3), jnp.float32)
    require_size(images, 32, "Net")
    with pytest.raises(UserError, match="Net needs images of at least 33x33 pixels; got 40x32"):
        require_size(images, 33, "Net")
