"""A model and a data set from a file: trained, gone on with, evaluated, and asked for a picture."""

import json

import numpy as np
import pytest
from PIL import Image

from jaxcnn.evaluate import command as evaluate
from jaxcnn.predict import command as predict
from jaxcnn.train import command as train

TEXT = """
from typing import Any
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
import jaxcnn
from jaxcnn.data import ArraySource, DatasetSpec

@jaxcnn.register_model("mynet", image_size=8, channels=1)
class MyNet(nn.Module):
    num_classes: int
    deep: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images, *, train=False):
        x = images.reshape(images.shape[0], -1)
        if self.deep:
            x = nn.relu(nn.Dense(4, dtype=self.dtype)(x))
        return nn.Dense(self.num_classes, dtype=self.dtype)(x).astype(jnp.float32)

@jaxcnn.register_augmentation("dim")
def dim(image, rng):
    return (image * rng.uniform(0.5, 1)).astype(np.uint8)

@jaxcnn.register_dataset
def halves():
    def load(split, data_dir):
        labels = np.arange({"train": 40, "test": 10}[split], dtype=np.int32) % 2
        images = np.zeros((len(labels), 8, 8, 1), np.uint8)
        images[labels == 1, :4] = 255
        return ArraySource(images, labels)
    return DatasetSpec("halves", 2, 8, 1, (0.5,), (0.5,), True, ("dark", "half"), load)
"""


@pytest.mark.usefixtures("own_names")
def test_a_run_of_a_plug_in_goes_its_whole_way(tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text(TEXT)
    work = [f"--plugin={file}", f"--workdir={tmp_path / 'run'}"]
    args = [*work, "--arch=mynet", "--dataset=halves", "--image-size=8", "--batch-size=8"]
    args += ["--model.deep=false", "--workers=0", "--augment.crop-padding=0", "--optim.lr=0.05"]
    args += ["--augment.transforms=dim"]
    assert train.main([*args, "--steps=4"]) == 0
    assert train.main([*args, "--steps=8", "--extend"]) == 0
    told = capsys.readouterr().err
    assert "going on from step 4" in told and "130 parameters" in told
    assert train.main([*args, "--steps=8", "--model.deep=true"]) == 2
    assert "--model.deep: False != True" in capsys.readouterr().err
    assert train.main([*args, "--steps=8", "--augment.transforms=dim,dim"]) == 2
    assert "--augment.transforms: dim != dim,dim" in capsys.readouterr().err
    plugins = json.loads((tmp_path / "run/data.json").read_text())["plugins"]
    assert plugins["augmentation dim"] == plugins["arch"]
    assert evaluate.main(work) == 0
    assert json.loads(capsys.readouterr().out)["top1"] == 1
    picture = np.zeros((8, 8), np.uint8)
    picture[:4] = 255
    Image.fromarray(picture).save(tmp_path / "half.png")
    assert predict.main([*work, str(tmp_path / "half.png"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["top"][0]["name"] == "half"
