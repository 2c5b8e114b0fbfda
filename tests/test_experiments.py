import io

import pytest
from rich.console import Console
from safetensors.numpy import save_file

from experiments import convolution_vs_dense, fine_tuning_rate
from jaxcnn.recipe import recipe_for
from tests.weights.test_sources import state_dict_of

pytestmark = pytest.mark.usefixtures("undrawn")


def quiet():
    return Console(file=io.StringIO())


def test_convolution_vs_dense_fills_its_table(tmp_path, monkeypatch):
    monkeypatch.setattr(convolution_vs_dense, "SHIFTS_PIXELS", (0, 2))
    options = convolution_vs_dense.Options(
        dataset="digits", epochs=1, seeds=1, workdir=str(tmp_path)
    )
    table = convolution_vs_dense.experiment(options, quiet())
    assert len(table.rows) == len(convolution_vs_dense.ARCHITECTURES)
    assert len(table.columns) == 2 + len(convolution_vs_dense.SHIFTS_PIXELS)


def test_fine_tuning_rate_fills_its_table_from_pictures_that_no_two_splits_share(tmp_path, resnet8):
    save_file(state_dict_of(resnet8), tmp_path / "w.safetensors")
    options = fine_tuning_rate.Options(
        pretrained=str(tmp_path / "w.safetensors"),
        arch=resnet8,
        dataset="digits",
        steps=1,
        seeds=1,
        workdir=str(tmp_path / "runs"),
    )
    table = fine_tuning_rate.experiment(options, quiet())
    assert len(table.rows) == len(fine_tuning_rate.OPTIMIZERS)
    pictures = tmp_path / "runs" / "pictures"
    number = {split: len(list(pictures.glob(f"{split}/*/*.png"))) for split in ("train", "val")}
    assert number == {"train": 80, "val": 80}
    files = [path.read_bytes() for path in pictures.glob("[tv][ra]*/*/*.png")]
    assert len(set(files)) == len(files) == 160


def test_what_fine_tuning_does_by_default_is_one_of_those_that_are_compared():
    default = recipe_for("efficientnet_lite0", "image_folder", pretrained="w.pth").optim
    assert default in fine_tuning_rate.OPTIMIZERS.values()
