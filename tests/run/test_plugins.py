"""A run keeps where its model and data set were registered, and says when that has changed."""

import hashlib

import numpy as np
import pytest

import jaxcnn
from jaxcnn.data import ArraySource, DatasetSpec, dataset_place
from jaxcnn.errors import UserError
from jaxcnn.plugins import Place, load_plugin
from jaxcnn.recipe import Recipe
from jaxcnn.run.folder import RunFolder
from jaxcnn.run.run_data import changed_plugins, plugins_of
from tests.run.test_folder import DATA, replace

pytestmark = pytest.mark.usefixtures("own_names")
TEXT = """
import jaxcnn
from jaxcnn.data import DatasetSpec
from jaxcnn.models.lenet import LeNet

jaxcnn.register_model("mynet")(LeNet)
spec = DatasetSpec(
    "myset", 2, image_size=8, channels=1, mean=(0.5,), std=(0.2,), flip=True, class_names=(),
    load=lambda split, data_dir: None,
)
jaxcnn.register_dataset(spec)
"""
RECIPE = Recipe("mynet", "myset")


@pytest.fixture
def plugin(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(TEXT)
    return file


def test_a_run_says_which_code_it_needs_and_that_it_has_changed(plugin, tmp_path):
    folder = RunFolder(tmp_path / "run")
    before = Place(str(plugin), "0" * 64)
    kept = replace(DATA, plugins={"arch": before, "dataset": before})
    folder.claim(RECIPE, kept, b"")
    told = f"a run of 'mynet', which a plug-in brings; give --plugin={plugin}, or where it is now"
    with pytest.raises(UserError, match=told):
        folder.read_recipe()
    load_plugin(str(plugin))
    assert folder.read_recipe() == RECIPE and folder.read_data() == kept
    now = hashlib.sha256(TEXT.encode()).hexdigest()
    assert plugins_of(RECIPE) == dict.fromkeys(("arch", "dataset"), Place(str(plugin), now))
    assert changed_plugins(RECIPE, kept.plugins) == [
        f"{plugin}, which brings mynet and myset, has changed: its SHA-256 is {now[:12]}..., where "
        "the run had 000000000000..."
    ]
    assert changed_plugins(RECIPE, plugins_of(RECIPE)) == []
    (folder.checkpoints / "7").mkdir(parents=True)
    begun = folder.as_begun(replace(DATA, plugins=plugins_of(RECIPE)))
    (line,) = begun.changed
    assert line.startswith(f"from step 7 on {plugin}, which brings mynet and myset, has changed")


def test_a_run_of_ours_keeps_none():
    assert plugins_of(Recipe("lenet5", "mnist")) == {}


def test_a_data_set_that_contradicts_itself_is_refused():
    def load(split, data_dir):
        return ArraySource(np.zeros((2, 8, 8, 1), np.uint8), np.zeros(2, np.int32))

    spec = DatasetSpec("mine", 2, 8, 1, (0.5,), (0.2,), flip=True, class_names=(), load=load)
    for wrong, told in (
        ({"num_classes": 0}, "num_classes is 0"),
        ({"class_names": ("a",)}, "class_names has 1 names for 2 classes"),
        ({"mean": (1.0, 2.0)}, "mean has 2 numbers for 1 channels"),
        ({"std": (0.0,)}, "std has 0.0, not numbers above 0"),
        ({"splits": ("test",)}, 'without "train"'),
        ({"name": "digits"}, "'digits' is in jaxcnn.data.datasets already"),
    ):
        with pytest.raises(UserError, match=told):
            jaxcnn.register_dataset(replace(spec, **wrong))
    with pytest.raises(UserError, match="takes a DatasetSpec, or what gives one; got 3"):
        jaxcnn.register_dataset(lambda: 3)  # pyright: ignore[reportArgumentType]
    assert jaxcnn.register_dataset(spec) is spec
    place = dataset_place("mine")
    assert place is not None and place.source == __name__
