"""Files, the Hub's cache and other libraries' names; and nothing in them that could run code."""

import json
import pickle
import sys
import types
import zipfile

import huggingface_hub.constants
import numpy as np
import pytest
from safetensors.numpy import save_file

from jaxcnn.errors import UserError
from jaxcnn.models import create_model, model_spec
from jaxcnn.weights import from_torch
from jaxcnn.weights.dialects import translate
from jaxcnn.weights.sources import read
from jaxcnn.weights.torch_names import torch_tensors


def state_dict_of(name, num_classes=None):
    spec = model_spec(name)
    model = create_model(name, num_classes=num_classes or spec.num_classes)
    rng = np.random.default_rng(0)
    return {
        key: rng.normal(size=tensor.torch_shape).astype(np.float32)
        for key, tensor in torch_tensors(spec, model).items()
    }


def test_a_safetensors_file_gives_its_tensors_as_float32(tmp_path):
    state_dict = state_dict_of("lenet5")
    save_file({k: v.astype(np.float16) for k, v in state_dict.items()}, tmp_path / "w.safetensors")
    checkpoint = read("lenet5", str(tmp_path / "w.safetensors"))
    assert checkpoint.arch == "lenet5"
    for key, value in state_dict.items():
        assert checkpoint.state_dict[key].dtype == np.float32
        assert np.array_equal(checkpoint.state_dict[key], value.astype(np.float16))


def hub_cache(folder, repository, config, state_dict):
    """The Hub's cache as huggingface_hub lays it out: refs name a snapshot, which has the files."""
    root = folder / f"models--{repository.replace('/', '--')}"
    snapshot = root / "snapshots" / "0123456789abcdef0123456789abcdef01234567"
    snapshot.mkdir(parents=True)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(snapshot.name)
    (snapshot / "config.json").write_text(json.dumps(config))
    save_file(state_dict, snapshot / "model.safetensors")


@pytest.fixture
def offline_hub(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return tmp_path


def test_a_hub_repository_gives_weights_and_their_preprocessing(offline_hub):
    state_dict = state_dict_of("lenet5")
    config = {
        "pretrained_cfg": {
            "mean": [0.5, 0.5, 0.5],
            "std": [0.25, 0.25, 0.25],
            "input_size": [3, 28, 28],
            "crop_pct": 0.95,
            "interpolation": "bilinear",
        }
    }
    hub_cache(offline_hub, "timm/lenet5.mnist", config, state_dict)
    checkpoint = read("lenet5", "hf:timm/lenet5.mnist")
    assert all(np.array_equal(checkpoint.state_dict[k], v) for k, v in state_dict.items())
    preprocessing = checkpoint.preprocessing
    assert (preprocessing.mean, preprocessing.image_size) == ((0.5, 0.5, 0.5), 28)
    assert preprocessing.std == (0.25, 0.25, 0.25)
    assert (preprocessing.crop_fraction, preprocessing.interpolation) == (0.95, "bilinear")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("hf:timm/absent", "hf:timm/absent is not in the Hub's cache"),
        ("hf:a/b/c", "hf:a/b/c is not a repository's name"),
        ("weights.onnx", "cannot read weights from 'weights.onnx'; give a .safetensors"),
        ("/nowhere/w.safetensors", "no weights at /nowhere/w.safetensors"),
    ],
)
def test_a_source_that_cannot_be_read_is_one_line(offline_hub, source, message):
    with pytest.raises(UserError) as error:
        read("lenet5", source)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def safetensors_file(header, data=b""):
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 100,
        b"\xff" * 8 + b"{}",  # A header longer than any memory.
        safetensors_file({"w": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}),
        safetensors_file({"w": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}, b"1234"),
        safetensors_file({"w": {"dtype": "O", "shape": [1], "data_offsets": [0, 4]}}, b"1234"),
    ],
    ids=["empty", "zeros", "endless header", "too large", "before its start", "objects"],
)
def test_a_damaged_safetensors_file_is_refused(tmp_path, content):
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match="is not a whole .safetensors file"):
        read("lenet5", str(path))


def test_a_pth_file_without_torch_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "w.pth").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UserError, match=r"needs torch \(pip install 'jaxcnn\[torch\]'\)"):
        read("lenet5", str(tmp_path / "w.pth"))


class Malicious:
    def __reduce__(self):
        return (exec, ("raise SystemExit('code of a pickle has run')",))


def test_a_pth_file_is_read_by_torchs_weights_only_unpickler(tmp_path, monkeypatch):
    """The project's tests have no torch; that it asks for the safe reader is what they can see."""
    path = tmp_path / "w.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("w/data.pkl", pickle.dumps(Malicious()))
    asked = {}

    def load(file, **how):
        asked.update(how)
        raise pickle.UnpicklingError("Weights only load failed: exec is not allowed\nmore")

    torch = types.SimpleNamespace(load=load, Tensor=np.ndarray)
    monkeypatch.setitem(sys.modules, "torch", torch)
    with pytest.raises(UserError, match="w.pth is damaged, or holds more than tensors"):
        read("lenet5", str(path))
    assert asked["weights_only"] is True


def as_efficientnet_pytorch(key, blocks):
    """Our key of a `tf_efficientnet` in that library's naming, written the other way round."""
    parts = key.split(".")
    if parts[0] == "blocks":
        block = ".".join(parts[:3])
        first = parts[1] == "0"
        names = {
            "conv_pw": "_project_conv" if first else "_expand_conv",
            "conv_dw": "_depthwise_conv",
        }
        names |= {"conv_pwl": "_project_conv", "se": "_se"}
        names |= {f"bn{n}": f"_bn{n if first else n - 1}" for n in (1, 2, 3)}
        if parts[3] == "se":
            return f"_blocks.{blocks.index(block)}._se_{parts[4].removeprefix('conv_')}.{parts[5]}"
        return f"_blocks.{blocks.index(block)}.{names[parts[3]]}.{parts[4]}"
    ends = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1"}
    return ".".join([{**ends, "classifier": "_fc"}[parts[0]], parts[1]])


@pytest.mark.parametrize("name", ["efficientnet_b0", "efficientnet_lite0"])
def test_weights_of_efficientnet_pytorch_are_those_of_the_tf_form(name):
    ours = state_dict_of(f"tf_{name}")
    found = {".".join(key.split(".")[:3]) for key in ours if key.startswith("blocks.")}
    blocks = sorted(found, key=lambda block: [int(part) for part in block.split(".")[1:]])
    theirs = {as_efficientnet_pytorch(key, blocks): value for key, value in ours.items()}
    checkpoint = translate(name, theirs)
    assert checkpoint.arch == f"tf_{name}"
    assert checkpoint.state_dict.keys() == ours.keys()
    assert all(np.array_equal(checkpoint.state_dict[key], ours[key]) for key in ours)
    assert from_torch(checkpoint.arch, checkpoint.state_dict)
    if "lite" in name:
        assert checkpoint.preprocessing.mean == (127 / 255,) * 3


def test_dense_layers_of_torchvisions_vgg_are_timms_convolutions():
    weights = {"features.0.weight": np.zeros((4, 3, 3, 3), np.float32)}
    for number, shape in ((0, (5, 2 * 49)), (3, (6, 5)), (6, (7, 6))):
        weights[f"classifier.{number}.weight"] = np.random.default_rng(number).normal(size=shape)
        weights[f"classifier.{number}.bias"] = np.full(shape[0], number)
    ours = translate("vgg11", weights).state_dict
    image = np.random.default_rng(9).normal(size=(2, 7, 7))
    flat = weights["classifier.0.weight"] @ image.reshape(-1)  # torch flattens C, H, W.
    assert np.allclose(np.einsum("ochw,chw->o", ours["pre_logits.fc1.weight"], image), flat)
    assert ours["pre_logits.fc2.weight"].shape == (6, 5, 1, 1)
    assert np.array_equal(ours["head.fc.weight"], weights["classifier.6.weight"])
    biases = [ours[f"{name}.bias"][0] for name in ("pre_logits.fc1", "pre_logits.fc2", "head.fc")]
    assert biases == [0, 3, 6]
    assert not any(key.startswith("classifier") for key in ours)


def test_early_densenet_files_have_todays_names():
    layer = "features.denseblock1.denselayer1"
    weights = {f"{layer}.{kind}.{n}.weight": n for kind in ("norm", "conv") for n in (1, 2)}
    ours = translate("densenet121", weights).state_dict
    assert ours == {f"{layer}.{kind}{n}.weight": n for kind in ("norm", "conv") for n in (1, 2)}
