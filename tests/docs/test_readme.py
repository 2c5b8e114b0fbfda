"""What README and docs/ state of the code is what the code states of itself."""

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

import jaxcnn
from jaxcnn.data import list_datasets
from jaxcnn.models import list_models
from jaxcnn.models.spec import init_variables
from jaxcnn.models.tools.macs import count_macs
from tests.parity.measure import FIGURES
from tests.parity.model_table import PAGE, in_page, model_table
from tests.weights.test_sources import hub_cache, state_dict_of

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [
    (page.name, block)
    for page in PAGES
    for block in re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
]


def test_the_model_table_is_the_models_own_rows():
    """`python -m tests.parity.model_table` writes it."""
    text = PAGE.read_text()
    assert in_page(text, model_table()) == text


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """The Hugging Face Hub as far as the pages read it."""
    folder = tmp_path_factory.mktemp("hub")
    hub_cache(folder, "timm/resnet50.a1_in1k", {}, state_dict_of("resnet50"))
    return folder


LONG = ("python.md", "runs.md")


def blocks_by_page():
    """Those of the two long pages take as long as all others together."""
    pages = {}
    for page, block in BLOCKS:
        pages.setdefault(page, []).append(block)
    return [
        pytest.param(*each, id=each[0], marks=[pytest.mark.slow] * (each[0] in LONG))
        for each in pages.items()
    ]


# Each for itself, but for what Python has imported.
EACH = """
import json, sys
for block in json.load(sys.stdin):
    exec(block, {"__name__": "__main__"})
"""


@pytest.mark.parametrize("page, blocks", blocks_by_page())
def test_blocks_of_python_run_as_they_stand(page, blocks, hub, tmp_path):
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "HF_HUB_CACHE": str(hub),
        "HF_HUB_OFFLINE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", EACH],
        input=json.dumps(blocks),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
    )
    assert done.returncode == 0, f"{page}: {done.stderr}"
    assert "jaxcnn.set_up()" not in done.stderr


def test_the_model_to_copy_states_its_own_size_and_work():
    (block,) = [block for _, block in BLOCKS if "VARIANTS" in block]
    names = {}
    exec(block, names)
    spec = names["VARIANTS"]["mynet"]
    model = spec.make(num_classes=spec.num_classes)
    size = (spec.image_size, spec.image_size)
    key = jax.random.key(0)
    variables = jax.eval_shape(lambda: init_variables(model, key, size, spec.channels))
    params = jax.tree.leaves(variables["params"])
    assert sum(math.prod(leaf.shape) for leaf in params) == spec.num_params
    images = jax.ShapeDtypeStruct((1, *size, spec.channels), np.float32)
    macs = count_macs(lambda v, x: model.apply(v, x, train=False), variables, images)
    assert macs == pytest.approx(1e9 * spec.gmacs, rel=1e-3)


def test_how_near_the_models_are_to_their_references_is_what_was_measured():
    figures = json.loads(FIGURES.read_text())
    text = " ".join(README.read_text().split())
    assert f"The logits of {len(figures)} of the {len(list_models())} models are within" in text
    assert f"within {max(figures.values()):.0e} of the reference implementation's" in text


def test_the_data_sets_are_those_there_are():
    section = re.split(r"^## ", (ROOT / "docs/data.md").read_text(), flags=re.MULTILINE)[1]
    listed = re.findall(r"`(\w+)`", section.partition("`--dataset` is")[2].partition("`tfds:")[0])
    assert sorted(listed) == list_datasets()


def test_the_changelog_has_this_version_first():
    first = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first is not None and first[1] == jaxcnn.__version__


def test_readme_is_short():
    """Whoever wants more finds a page for it."""
    assert len(README.read_text().splitlines()) < 170


LINK = re.compile(r"(!?)\[[^\]]*\]\((.+?)\)")


def test_links_lead_there_from_a_package_index_too():
    """It shows README alone, where a link to a file beside it leads nowhere: pages are named."""
    links = [target for picture, target in LINK.findall(README.read_text()) if not picture]
    assert links and all(re.match("https?://", link) for link in links)


def test_pictures_are_there_and_light():
    pictures = [target for picture, target in LINK.findall(README.read_text()) if picture]
    assert pictures
    for target in pictures:
        with Image.open(ROOT / target) as picture:
            picture.verify()
        assert (ROOT / target).stat().st_size <= 150_000


def anchors_of(page):
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*PAGES[1:], ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_links_between_pages_lead_to_a_page_and_a_heading(page):
    for _, target in LINK.findall(page.read_text()):
        if re.match("https?://", target):
            continue
        file, _, anchor = target.partition("#")
        other = (page.parent / file) if file else page
        assert other.is_file(), target
        assert not anchor or anchor in anchors_of(other), target
