"""Writes jaxcnn/data/imagenet_classes.tsv: ImageNet's classes and the sets that have them.

    pip install timm==1.0.31 torchvision==0.29.1
    python tests/weights/make_imagenet_classes.py

A line has a WordNet id, a letter for each set and the first of WordNet's names. In every set
classes are in the order of their ids. ImageNet-1k would have two names twice (a crane is a bird and
a machine); torchvision's names tell them apart.
"""

from pathlib import Path

from timm.data import ImageNetInfo
from torchvision.models._meta import _IMAGENET_CATEGORIES

FILE = Path(__file__).parents[2] / "jaxcnn" / "data" / "imagenet_classes.tsv"
LETTERS = {
    "k": "imagenet-1k",
    "t": "imagenet-12k",
    "m": "imagenet-21k-miil",
    "w": "imagenet-22k",
    "g": "imagenet-21k-goog",
}


def main() -> None:
    sets = {letter: ImageNetInfo(subset) for letter, subset in LETTERS.items()}
    names, letters = {}, {}
    for letter, info in sets.items():
        ids = info.label_names()
        assert ids == sorted(ids)
        for wordnet_id in ids:
            names[wordnet_id] = info.label_name_to_description(wordnet_id).split(", ")[0]
            letters[wordnet_id] = letters.get(wordnet_id, "") + letter
    names |= dict(zip(sets["k"].label_names(), _IMAGENET_CATEGORIES, strict=True))
    lines = [f"{key}\t{letters[key]}\t{names[key]}\n" for key in sorted(names)]
    FILE.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
