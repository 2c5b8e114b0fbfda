"""Policies by the names that a recipe has for them."""

from jaxcnn.data.augment import timm_rand_augment
from jaxcnn.data.augment.aug_mix import AugMix
from jaxcnn.data.augment.augment import Augment
from jaxcnn.data.augment.auto_augment import AutoAugment
from jaxcnn.data.augment.big_vision import BigVisionRandAugment
from jaxcnn.data.augment.pillow import Fill
from jaxcnn.data.augment.rand_augment import RandAugment
from jaxcnn.data.augment.timm_rand_augment import TimmRandAugment
from jaxcnn.data.augment.transform import Transform
from jaxcnn.data.augment.trivial_augment import TrivialAugmentWide
from jaxcnn.data.augment.warp import Sampling
from jaxcnn.data.errors import DataError


def make_policy(name: str, augment: Augment, *, thumbnails: bool, fill: Fill = (128,)) -> Transform:
    """The policy of that name as its authors set it; the RandAugments as `augment` says.

    AutoAugment's depends on what it was searched for: CIFAR-10 for `thumbnails`, else ImageNet.
    timm's RandAugment may be a text (see `timm_rand_augment.parse`), and fills with the colour
    `fill`. What is sheared, shifted or turned is interpolated as `augment` says; if it does not, as
    the authors have it.

    Raises DataError for any other name, or a magnitude that the policy has not.
    """
    interpolation = augment.interpolation
    sampling = Sampling(interpolation) if interpolation else Sampling()
    match name:
        case "autoaugment":
            return AutoAugment("cifar10" if thumbnails else "imagenet", sampling)
        case "randaugment":
            return RandAugment(augment.num_ops, augment.magnitude, augment.magnitude_std, sampling)
        case "randaugment_timm":
            if augment.magnitude > timm_rand_augment.FULL:
                raise DataError(
                    f"randaugment_timm counts to 10, not to {augment.magnitude:g};"
                    " as rand-m15-mmax20 it goes on"
                )
            return TimmRandAugment(
                augment.magnitude,
                augment.num_ops,
                magnitude_std=augment.magnitude_std,
                fill=fill,
                interpolation=interpolation or "random",
            )
        case "randaugment_big_vision":
            if augment.magnitude_std:
                raise DataError("randaugment_big_vision has one magnitude; its deviation is 0")
            return BigVisionRandAugment(
                augment.num_ops, augment.magnitude, Sampling(sampling.interpolation, (128,))
            )
        case "trivialaugment":
            return TrivialAugmentWide(sampling)
        case "augmix":
            return AugMix(sampling=Sampling(interpolation or "bilinear"))
        case _:
            return timm_rand_augment.parse(name, fill=fill, interpolation=interpolation or "random")
