"""What ImageNet's classes are called, for weights that know them by number only.

From timm 1.0.31 (Apache-2.0), whose names are WordNet's; where ImageNet-1k has a name twice,
torchvision's. The table beside this file is written by tests/weights/make_imagenet_classes.py.
"""

from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_suffix(".tsv")

# Number of classes -> the set of so many, and its letter in the table: as many classes as no other
# set has.
SETS = {
    1000: ("ImageNet-1k", "k"),
    11221: ("ImageNet-21k as MIIL cleaned it", "m"),
    11821: ("ImageNet-12k", "t"),
    21841: ("ImageNet-22k", "w"),
    21843: ("ImageNet-21k", "g"),
}


@cache
def imagenet_classes(num_classes: int) -> tuple[str, tuple[str, ...]] | None:
    """The ImageNet set of so many classes, and their names in the order of its labels.

    None where no set has so many.
    """
    if num_classes not in SETS:
        return None
    title, letter = SETS[num_classes]
    rows = (line.split("\t") for line in TABLE.read_text(encoding="utf-8").splitlines())
    return title, tuple(name for _, letters, name in rows if letter in letters)
