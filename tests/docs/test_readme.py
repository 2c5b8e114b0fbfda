"""What README states of the code is what the code states of itself."""

import math
import os
import re
import subprocess
import sys

import jax
import numpy as np
import pytest

from jaxcnn.models.spec import init_variables
from jaxcnn.models.tools.macs import count_macs
from tests.parity.model_table import README, in_readme, model_table
from tests.weights.test_sources import hub_cache, state_dict_of

ROOT = README.parent
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [
    (page.name, block)
    for page in PAGES
    for block in re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
]


def test_the_model_table_is_the_models_own_rows():
    """`python -m tests.parity.model_table` writes it."""
    text = README.read_text()
    assert in_readme(text, model_table()) == text


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """The Hugging Face Hub as far as the pages read it."""
    folder = tmp_path_factory.mktemp("hub")
    hub_cache(folder, "timm/resnet50.a1_in1k", {}, state_dict_of("resnet50"))
    return folder


@pytest.mark.parametrize("page, block", BLOCKS, ids=[page for page, _ in BLOCKS])
def test_a_block_of_python_runs_as_it_stands(page, block, hub, tmp_path):
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "HF_HUB_CACHE": str(hub),
        "HF_HUB_OFFLINE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", block], capture_output=True, text=True, cwd=tmp_path, env=environment
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


def test_links_lead_there_from_a_package_index_too():
    """It shows README alone, where a link to a file beside it leads nowhere."""
    targets = re.findall(r"\]\((.+?)\)", README.read_text())
    assert targets and all(re.match("https?://", target) for target in targets)
