"""A published recipe: its source's own fields, and what each of them is here."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Pair:
    """Some fields of a source beside those of `jaxcnn.recipe.Recipe` that they are.

    Attributes:
        theirs: the source's names and values.
        ours: ours, those of a group by `group.field`; empty where we have none.
        differs: what the source does otherwise than a run of ours.
    """

    theirs: Fields
    ours: Fields
    differs: str = ""


def pair(fields: Fields, names: str, ours: Fields, differs: str = "") -> Pair:
    """The pair of those of `fields` that `names` lists, between blanks."""
    return Pair({name: fields[name] for name in names.split()}, ours, differs)


@dataclass(frozen=True)
class Source:
    """A program, or a paper, that recipes are written for.

    Attributes:
        defaults: its fields that training depends on, with the values that it gives them itself.
        read: the source's fields -> what they are here.
    """

    defaults: Fields
    read: Callable[[Fields], Iterator[Pair]]


@dataclass(frozen=True)
class Size:
    """What a source says of one architecture.

    Attributes:
        top1: percent, the source's own, for each data set of the recipe; not measured here. Empty
            where the source has none.
        given: its fields that are this architecture's own.
    """

    top1: tuple[float, ...] = ()
    given: Fields = field(default_factory=dict)


@dataclass(frozen=True)
class Published:
    """One source's recipe, of an architecture or a family.

    Attributes:
        sources: where fields and figures stand.
        source: what the fields are of.
        given: the fields that the recipe gives, as they stand there.
        sizes: the architectures that the source trains with it.
        scaling: how the source scales the learning rate with the batch size.
        differs: what the source does otherwise than a run of this recipe here, beside what its
            pairs say.
        datasets: what it is for; a recipe for imagenet2012 may train on any photographs.
    """

    sources: tuple[str, ...]
    source: Source
    given: Fields
    sizes: Mapping[str, Size]
    scaling: str = "not given"
    differs: str = ""
    datasets: tuple[str, ...] = ("imagenet2012",)

    def pairs(self, arch: str) -> list[Pair]:
        """The recipe field by field, for one of its architectures or any other."""
        own = self.sizes[arch].given if arch in self.sizes else {}
        return list(self.source.read({**self.source.defaults, **self.given, **own}))

    def settings(self, arch: str) -> dict[str, Any]:
        """Fields of `Recipe`, those of a group by `group.field`."""
        return {name: value for entry in self.pairs(arch) for name, value in entry.ours.items()}


def momentum(of_source: float) -> Fields:
    """Of sgd and rmsprop: 0.9 is the default here."""
    return {} if of_source == 0.9 else {"optim.momentum": of_source}


def erasing_as_timm(probability: float) -> Fields:
    """timm's rectangles, which are torchvision's too."""
    return {"augment.erase": "timm", "augment.erase_probability": probability}


# What is normal there is cut to bytes here.
NOISE = "the noise of random erasing goes beyond black and white"


def repeated_batch(batch_size: int, repeats: int) -> int:
    """The largest batch up to `batch_size` of whole examples that splits over sixteen devices."""
    return batch_size // (16 * repeats) * 16 * repeats
