"""The augmentations that users register, by name; ours are fields of `Augment`."""

from collections.abc import Callable
from inspect import isclass
from typing import Any, TypeVar

from jaxcnn.data.augment.own import OwnTransform, own_transform
from jaxcnn.discovery import Table
from jaxcnn.plugins import Place

Given = TypeVar("Given", bound=Callable[..., Any])

_table: Table[OwnTransform] = Table("jaxcnn.data.augment", "TRANSFORMS", "augmentation")


def augmentation(name: str) -> OwnTransform:
    """What is registered by that name. An unknown one raises UserError with the nearest known."""
    return _table.look_up(name)


def augmentation_place(name: str) -> Place | None:
    """Where an augmentation was registered; None for one of nobody's."""
    return _table.place(name)


def register_augmentation(name: str) -> Callable[[Given], Given]:
    """A decorator that gives an augmentation of one's own the name by which recipes have it.

        @jaxcnn.register_augmentation("speckle")
        def speckle(image, rng):
            noise = rng.normal(0, 20, image.shape)
            return np.clip(image + noise, 0, 255).astype(np.uint8)

    and then `--augment.transforms=speckle`, or several names with commas between. It is called with
    an image, uint8 [H, W, C], of the size and the channels that the model takes, after the recipe's
    other augmentation, and a `np.random.Generator`; it gives such an image, and draws from that
    generator alone, so that a resumed run goes on to the bit. Of a class an instance is made
    without arguments; each strength has a name of its own.

    Raises UserError for a name that is taken, and for what cannot be called.
    """

    def register(given: Given) -> Given:
        transform = own_transform(_instance(given), f"augmentation {name!r}")
        _table.register(name, transform, given)
        return given

    return register


def _instance(given: Any) -> Any:
    return given() if isclass(given) else given
