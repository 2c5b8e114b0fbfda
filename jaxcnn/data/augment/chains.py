"""Which transforms make of a set's images a model's input, in evaluation and in training."""

from typing import Literal

from jaxcnn.data.augment.augment import Augment
from jaxcnn.data.augment.blur import GaussianBlur
from jaxcnn.data.augment.channels import ToChannels
from jaxcnn.data.augment.color_jitter import ColorJitter
from jaxcnn.data.augment.crop import CenterCrop, RandomCrop
from jaxcnn.data.augment.cutout import Cutout
from jaxcnn.data.augment.erasing import RandomErasing, TimmErasing
from jaxcnn.data.augment.flip import AlternatingFlip, HorizontalFlip
from jaxcnn.data.augment.grayscale import Grayscale
from jaxcnn.data.augment.lighting import Lighting
from jaxcnn.data.augment.pad import Pad
from jaxcnn.data.augment.pillow import Interpolation
from jaxcnn.data.augment.policies import make_policy
from jaxcnn.data.augment.random_resized_crop import RandomResizedCrop
from jaxcnn.data.augment.registry import augmentation
from jaxcnn.data.augment.resize import Resize, ResizeShorter
from jaxcnn.data.augment.transform import Size, Transform, pair
from jaxcnn.data.errors import DataError
from jaxcnn.data.preprocessing import Statistics
from jaxcnn.data.spec import DatasetSpec

Fit = Literal["interpolate", "pad", "crop"]


def eval_transforms(
    spec: DatasetSpec,
    *,
    image_size: Size,
    channels: int,
    resize: Fit = "interpolate",
    crop_fraction: float = 0.875,
    interpolation: Interpolation = "bicubic",
) -> tuple[Transform, ...]:
    """What brings a set's images to a model's input; nothing where they fit already.

    Args:
        spec: row of the data set table.
        image_size: pixels, height and width of the model's input.
        channels: of the model's input; grey images are repeated.
        resize: stretch the image, pad it with black, or crop its centre.
        crop_fraction: crop: side of the centre over the photograph's shorter side.
        interpolation: crop: how the photograph is resized before.

    Raises:
        DataError: the images cannot be brought there this way.
    """
    size = pair(image_size)
    transforms: list[Transform] = []
    if resize == "crop":
        shorter = int(min(size) / crop_fraction)
        transforms += [ResizeShorter(shorter, interpolation), CenterCrop(size)]
    elif spec.image_size is None:
        if resize == "pad":
            raise DataError(
                f"{spec.name} has images of many sizes; bring them to one by --resize=crop,"
                " or by --resize=interpolate, which does not keep their proportions"
            )
        transforms.append(Resize(size))
    elif size != pair(spec.image_size):
        if resize == "pad" and min(size) < spec.image_size:
            raise DataError(
                f"cannot pad {spec.name}'s {spec.image_size}x{spec.image_size} to"
                f" {size[0]}x{size[1]}; resize by interpolation"
            )
        transforms.append(Pad(size) if resize == "pad" else Resize(size))
    if channels != spec.channels:
        if spec.channels != 1:
            raise DataError(
                f"{spec.name} has {spec.channels} channels, not {channels};"
                " only grey images can be given more"
            )
        transforms.append(ToChannels(channels))
    return tuple(transforms)


def train_transforms(
    spec: DatasetSpec,
    augment: Augment,
    *,
    image_size: Size,
    channels: int,
    resize: Fit = "interpolate",
    normalisation: Statistics | None = None,
) -> tuple[Transform, ...]:
    """`eval_transforms`, then what `augment` has of: shift, mirror, a policy, colours, cover, and
    what users registered.

    With resize="crop" a random part of the photograph takes the place of its centre.

    Args:
        spec, image_size, channels, resize: as for `eval_transforms`.
        augment: what is done. Of its fields, the loader sees to repeats, the feed to growing sizes,
            and the device to mixtures and label smoothing.
        normalisation: what timm's noise is normal after: mean and standard deviation, per channel
            or one for all, of images in [0, 1]; without, the set's own.

    Raises:
        DataError: as above; a flip would change labels, or lighting has no colours to work on.
    """
    if augment.flip and not spec.flip:
        raise DataError(f"horizontal flip changes the label of {spec.name}; turn flip off")
    if augment.lighting and channels != 3:
        raise DataError(f"lighting needs images of 3 channels, not {channels}; turn lighting off")
    mean_colour = tuple(round(255 * value) for value in spec.mean)
    transforms = list(
        eval_transforms(spec, image_size=image_size, channels=channels, resize=resize)
    )
    if resize == "crop":
        part = RandomResizedCrop(image_size, interpolation=augment.interpolation or "bilinear")
        transforms[:2] = [part]
    if augment.crop_padding:
        transforms.append(RandomCrop(image_size, augment.crop_padding, augment.padding))
    if augment.flip:
        transforms.append(AlternatingFlip() if augment.flip_alternates else HorizontalFlip())
    if augment.policy:
        thumbnails = spec.image_size is not None
        policy = make_policy(augment.policy, augment, thumbnails=thumbnails, fill=mean_colour)
        transforms.append(policy)
    if reach := augment.color_jitter:
        transforms.append(ColorJitter(reach, reach, reach))
    if augment.lighting:
        transforms.append(Lighting(augment.lighting))
    if augment.grayscale:
        transforms.append(Grayscale(augment.grayscale))
    if augment.blur:
        transforms.append(GaussianBlur(augment.blur))
    if augment.erase_probability and augment.erase == "timm":
        mean, std = normalisation or (spec.mean, spec.std)
        transforms.append(TimmErasing(augment.erase_probability, mean, std))
    elif augment.erase_probability:
        transforms.append(RandomErasing(augment.erase_probability))
    if augment.cutout:
        transforms.append(Cutout(augment.cutout, fill=mean_colour))
    return (*transforms, *map(augmentation, augment.own))
