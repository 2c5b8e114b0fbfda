"""Published recipes: what each source trains with, in its own fields and in ours.

A file a source. docs/imagenet.md is made of them: `python -m jaxcnn.recipe.published`.
"""

from collections.abc import Mapping
from types import MappingProxyType

from jaxcnn.recipe.published import (
    airbench,
    automl,
    big_vision,
    convnext,
    deit,
    gluon_cv,
    mmpretrain,
    papers,
    rsb,
    swin,
    tensorflow_tpu,
    timm,
    torch7,
    torchvision,
)
from jaxcnn.recipe.published.row import Published

# Where two train an architecture on ImageNet, the first is its default there.
_FILES = (
    deit,
    torchvision,
    papers,
    rsb,
    torch7,
    timm,
    tensorflow_tpu,
    automl,
    gluon_cv,
    convnext,
    swin,
    big_vision,
    mmpretrain,
    airbench,
)

PUBLISHED: Mapping[str, Published] = MappingProxyType(
    {name: row for file in _FILES for name, row in file.RECIPES.items()}
)

# What an architecture is trained with on ImageNet where no recipe is named.
DEFAULT_FOR: Mapping[str, str] = MappingProxyType(
    {
        arch: name
        for name, row in reversed(list(PUBLISHED.items()))
        if "imagenet2012" in row.datasets
        for arch in row.sizes
    }
)

__all__ = ["DEFAULT_FOR", "PUBLISHED", "Published"]
