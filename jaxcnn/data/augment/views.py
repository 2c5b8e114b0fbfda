"""Several views of one image, for evaluation that averages over them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from jaxcnn.data.augment.crop import CenterCrop
from jaxcnn.data.augment.transform import Size, Transform, pair
from jaxcnn.data.errors import DataError
from jaxcnn.data.spec import DatasetSpec

ViewsName = Literal["none", "flip", "five", "ten"]


@dataclass(frozen=True)
class Views:
    """uint8 [H, W, C] -> uint8 [V, H', W', C], the views of an image.

    Krizhevsky et al., 2012, section 4.1: the four corners and the centre, and their mirror images.

    Args:
        crop: size of the five; None for the whole image alone.
        mirror: add the views mirrored left to right.
    """

    crop: Size | None
    mirror: bool

    def __call__(self, image: np.ndarray, rng: np.random.Generator, /) -> np.ndarray:
        views = [image]
        if self.crop is not None:
            height, width = pair(self.crop)
            centre = CenterCrop(self.crop)(image, rng)
            top, bottom = image[:height], image[-height:]
            views = [view[:, columns] for view in (top, bottom) for columns in _ends(width)]
            views.append(centre)
        if self.mirror:
            views += [view[:, ::-1] for view in views]
        return np.stack(views)


def with_views(
    transforms: Sequence[Transform], name: ViewsName, spec: DatasetSpec
) -> tuple[Transform, ...]:
    """Evaluation's transforms with the views of that name in place of the one image.

    "flip" is the image and its mirror image, "five" the corners and the centre, "ten" both.

    Raises:
        DataError: mirroring changes labels, an image has several, or nothing is around its centre.
    """
    if name == "none":
        return tuple(transforms)
    if spec.multi_label:
        raise DataError(f"--tta averages over one class an image; {spec.name} has several")
    if name in ("flip", "ten") and not spec.flip:
        raise DataError(f"--tta={name} mirrors images, which changes the label of {spec.name}")
    if name == "flip":
        return (*transforms, Views(None, mirror=True))
    crops = [transform.size for transform in transforms if isinstance(transform, CenterCrop)]
    if not crops:
        raise DataError(
            f"--tta={name} takes crops of larger images, as --resize=crop makes them;"
            f" {spec.name}'s come whole, so give {'flip' if spec.flip else 'none'}"
        )
    others = (transform for transform in transforms if not isinstance(transform, CenterCrop))
    return (*others, Views(crops[0], mirror=name == "ten"))


def _ends(width: int) -> tuple[slice, slice]:
    return slice(width), slice(-width, None)
