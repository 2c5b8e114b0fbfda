"""docs/architecture.md is the plan that the imports follow, and names what is there."""

import re
from functools import cache
from itertools import product

import pytest

from tests.test_layout import FILES, RANK, imported_layers, layer_of
from tests.test_layout import ROOT as PACKAGE

ROOT = PACKAGE.parent
TEXT = (ROOT / "docs/architecture.md").read_text()
DIAGRAM = TEXT.partition("```mermaid\n")[2].partition("```")[0]
NAMES = {
    node: label.removesuffix("/").removesuffix(".py")
    for node, label in re.findall(r'^ +(\w+)\["(.+)"\]$', DIAGRAM, re.MULTILINE)
}
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FOLDERS = "jaxcnn|tests|docs|benchmarks|experiments|tpu_scripts"


def arrows():
    """(A, B): B may import A."""
    for line in re.findall(r"^ +(.+ --> .+)$", DIAGRAM, re.MULTILINE):
        below, above = (side.split(" & ") for side in line.split(" --> "))
        yield from ((NAMES[a], NAMES[b]) for a, b in product(below, above))


@cache
def may_import(name):
    """All that is below, along the arrows."""
    below = {a for a, b in arrows() if b == name}
    return below.union(*map(may_import, below))


def test_the_diagram_has_every_layer_and_its_arrows_point_up():
    assert set(NAMES.values()) == RANK.keys()
    assert all(RANK[a] < RANK[b] for a, b in arrows())


@pytest.mark.parametrize("name", sorted(RANK))
def test_what_is_imported_lies_below_along_the_arrows(name):
    imported = {
        other for path in FILES if layer_of(path) == name for other in imported_layers(path)
    }
    assert imported - {name} <= may_import(name)


def test_the_page_has_every_folder_of_the_package_and_no_other():
    """Those within `data/` are commands of their own."""
    listed = re.findall(r"^\| `(\w+)/` \|", TEXT, re.MULTILINE)
    there = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert sorted(listed) == sorted(there)


PATHS = [
    (page.name, path)
    for page in PAGES
    for path in dict.fromkeys(re.findall(rf"`((?:{FOLDERS})/[\w./-]*)`", page.read_text()))
]


@pytest.mark.parametrize(("page", "path"), PATHS, ids=[f"{a}: {b}" for a, b in PATHS])
def test_what_a_page_names_is_there(page, path):
    assert (ROOT / path).exists()
