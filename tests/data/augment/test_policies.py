"""What holds for all policies."""

import pickle

import numpy as np
import pytest

from jaxcnn.data.augment.aug_mix import AugMix
from jaxcnn.data.augment.auto_augment import AutoAugment
from jaxcnn.data.augment.rand_augment import RandAugment
from jaxcnn.data.augment.trivial_augment import TrivialAugmentWide
from jaxcnn.data.augment.warp import Sampling
from tests.data.augment.pictures import rng
from tests.data.augment.torchvisions import golden_picture

ALL = (
    AutoAugment("cifar10"),
    AutoAugment("imagenet"),
    RandAugment(),
    TrivialAugmentWide(),
    AugMix(),
)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("policy", ALL, ids=repr)
def test_the_image_is_a_function_of_the_generator_and_the_original_is_untouched(policy, channels):
    image = golden_picture(channels)[:, ::-1][1:]
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
