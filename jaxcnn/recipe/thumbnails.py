"""What networks for ImageNet need to see thumbnails, and which of them get it by default."""

from jaxcnn.models import model_spec
from jaxcnn.recipe.fields import Model
from jaxcnn.recipe.model import shared_fields

# Sides in pixels. Smaller pictures are enlarged: of them a stem that strides loses nothing.
LEAST, MOST = 16, 32


def is_thumbnail(image_size: int | None) -> bool:
    """Whether pictures of that side (None: photographs) are small, and not enlarged."""
    return image_size is not None and LEAST <= image_size <= MOST


def thumbnail_model(arch: str, image_size: int | None) -> Model:
    """The default network on images of that side: what practice trains on CIFAR from scratch.

    The small stem of ResNets, Chen et al., 2020, https://arxiv.org/abs/2002.05709, appendix B.9,
    and of the other convolutional networks, https://github.com/kuangliu/pytorch-cifar; ViT's
    patches of 4 pixels, Hassani et al., 2021, https://arxiv.org/abs/2104.05704, table 1.
    """
    cure = thumbnail_cure(arch)
    is_practice = cure.stem is not None or arch.startswith("vit")
    return cure if is_practice and is_thumbnail(image_size) else Model()


def thumbnail_cure(arch: str) -> Model:
    """What lets an architecture for ImageNet see more of thumbnails, as far as it has that."""
    spec = model_spec(arch)
    fields = shared_fields(arch)
    if spec.image_size <= MOST:
        return Model()
    if "stem" in fields:
        return Model(stem="small")
    if "window" in fields:
        return Model(patch=2, window=4)
    if "patch" in fields:
        return Model(patch=4 if arch.startswith("vit") else 2)
    return Model()
