import json
from pathlib import Path

from jaxcnn.recipe import Augment, from_json, to_json

SAVED = Path(__file__).parent / "goldens" / "recipe.json"


def test_a_recipe_that_was_saved_reads_and_saves_as_it_was():
    """The file is of the version 0.1.0; fields that came since follow, with their defaults."""
    saved = json.loads(SAVED.read_text())
    recipe = from_json(saved)
    assert recipe.augment == Augment(
        crop_padding=4,
        flip=True,
        policy="rand-m7-mstd0.5-inc1",
        magnitude=7,
        magnitude_std=0.5,
        num_ops=3,
        interpolation="random",
        color_jitter=0.4,
        lighting=0.1,
        grayscale=0.2,
        blur=0.3,
        repeats=2,
        progressive_size=128,
        progressive_stages=3,
        erase_probability=0.25,
        erase="timm",
        cutout=16,
        mixup=0.2,
        cutmix=1.0,
        label_smoothing=0.1,
    )
    again = json.loads(json.dumps(to_json(recipe)))
    for group in ("optim", "schedule", "augment", "model", "mesh"):
        old, new = saved.pop(group), again.pop(group)
        assert {name: new.get(name) for name in old} == old
    assert {name: again.get(name) for name in saved} == saved
