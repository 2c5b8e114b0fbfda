"""What is done to training images and labels, as a value: a recipe's fields of that name.

`chains` makes of it what is done on the host; mixing and label smoothing follow on the device.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from jaxcnn.ranges import ABOVE_0, NOT_NEGATIVE, SHARE, up_to

Padding = Literal["black", "reflect"]


@dataclass(frozen=True)
class Augment:
    """What is done to training images and labels."""

    crop_padding: Annotated[int, NOT_NEGATIVE] = 0
    """Pad by so many pixels each side, then crop at random."""
    padding: Padding = "black"
    """What is padded with: black, or what lies as far inside of the border."""
    flip: bool = False
    """Mirror half of the images; refused where mirroring changes the label."""
    flip_alternates: bool = False
    """Mirror half of the images by chance in the first epoch, the other half in the next, and so on
    in turn, so that each two epochs show an image both ways."""
    policy: str | None = None
    """Random operations on each image: autoaugment (cifar10's for images of one size), randaugment
    (torchvision's), randaugment_timm, randaugment_big_vision, trivialaugment, augmix, or timm's
    RandAugment as its users type it, for one rand-m9-mstd0.5-inc1."""
    magnitude: Annotated[float, up_to(30)] = 9
    """Randaugment: how strong an operation is; torchvision's counts to 30, timm's to 10, and 10 is
    big_vision's usual."""
    magnitude_std: Annotated[float, NOT_NEGATIVE] = 0.0
    """Randaugment: standard deviation around the magnitude."""
    num_ops: Annotated[int, ABOVE_0] = 2
    """Randaugment: operations an image."""
    interpolation: Literal["bilinear", "bicubic", "random"] | None = None
    """Of --resize=crop's random parts and of what the policy moves; random is timm's coin. If not
    given, bilinear and what the policy's authors have."""
    color_jitter: Annotated[float, NOT_NEGATIVE] = 0.0
    """How far factors of brightness, contrast and saturation may be from 1."""
    lighting: Annotated[float, NOT_NEGATIVE] = 0.0
    """Standard deviation of ImageNet's principal colours added to an image; AlexNet's is 0.1."""
    grayscale: Annotated[float, SHARE] = 0.0
    """Probability that an image loses its colours."""
    blur: Annotated[float, SHARE] = 0.0
    """Probability that an image is blurred."""
    repeats: Annotated[int, ABOVE_0] = 1
    """Versions of each example in a batch, which then has as many times fewer examples."""
    progressive_size: int | None = None
    """Progressive resizing: image size that training begins with; it ends with image_size."""
    progressive_stages: Annotated[int, ABOVE_0] = 4
    """Progressive resizing: stages of equal length, the image size growing from one to the next."""
    erase_probability: Annotated[float, SHARE] = 0.0
    """Random erasing: probability that a rectangle of noise covers part of an image."""
    erase: Literal["zhong", "timm"] = "zhong"
    """Random erasing: bytes at random on up to 0.4 of an image, as its paper has it, or timm's:
    normal noise on up to a third."""
    cutout: Annotated[int, NOT_NEGATIVE] = 0
    """Side in pixels of a grey square put at random on each image; 0 for none."""
    transforms: str | None = None
    """Augmentations of your own, by the names that jaxcnn.register_augmentation gave them, with
    commas between, in their order: after all others that are done to single images."""
    mixup: Annotated[float, NOT_NEGATIVE] = 0.0
    """Mixup's alpha; 0 for none."""
    cutmix: Annotated[float, NOT_NEGATIVE] = 0.0
    """Cutmix's alpha; 0 for none. With mixup too, each batch draws one of the two."""
    label_smoothing: Annotated[float, SHARE] = 0.0
    """Share of the target spread evenly over all classes."""

    @property
    def own(self) -> tuple[str, ...]:
        """The names in `transforms`."""
        return tuple(self.transforms.split(",")) if self.transforms else ()
