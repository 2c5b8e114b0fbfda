"""Files, the Hub's cache and other libraries' names; and nothing in them that could run code."""

import json

import chex
import huggingface_hub.constants
import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

from jaxcnn.errors import UserError
from jaxcnn.models import create_model, model_spec
from jaxcnn.run.pretrained import load_weights
from jaxcnn.weights import from_torch
from jaxcnn.weights.dialects import translate
from jaxcnn.weights.sources import read
from jaxcnn.weights.torch_names import torch_tensors
from tests.weights.torch_archive import Call, Global, tensors, write_archive, write_legacy


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
    variables = load_weights("lenet5", str(tmp_path / "w.safetensors"))
    expected = from_torch("lenet5", {k: v.astype(np.float16) for k, v in state_dict.items()})
    chex.assert_trees_all_equal(variables, expected)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {np.dtype(np.float32)}


COMMIT = "0123456789abcdef0123456789abcdef01234567"


def hub_cache(folder, repository, config, state_dict, *, commit=COMMIT, revision="main"):
    """The Hub's cache as huggingface_hub lays it out: refs name a snapshot, which has the files."""
    root = folder / f"models--{repository.replace('/', '--')}"
    snapshot = root / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (root / "refs").mkdir(exist_ok=True)
    (root / "refs" / revision).write_text(snapshot.name)
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
        ("/nowhere/w.safetensors", "no weights at /nowhere/w.safetensors; give a .safetensors or"),
        (__file__, "test_sources.py is neither a whole .safetensors nor a whole .pth file; give a"),
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


@pytest.mark.parametrize("name", ["w.pth.tar", "w.bin", "w.ckpt", "w", "w.safetensors"])
def test_what_is_inside_decides_and_not_the_suffix(tmp_path, name):
    state_dict = state_dict_of("lenet5")
    safetensors, torchs = tmp_path / f"1-{name}", tmp_path / f"2-{name}"
    save_file(state_dict, safetensors)
    write_archive(torchs, *tensors(state_dict))
    for path in (safetensors, torchs):
        found = read("lenet5", str(path)).state_dict
        assert all(np.array_equal(found[key], value) for key, value in state_dict.items())


def test_numpys_archive_is_not_taken_for_torchs(tmp_path):
    np.savez(tmp_path / "w.npz", **state_dict_of("lenet5"))
    with pytest.raises(UserError, match="neither a whole .safetensors nor a whole .pth file"):
        read("lenet5", str(tmp_path / "w.npz"))


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict", "state_dict_ema"])
@pytest.mark.parametrize("write", [write_archive, write_legacy])
def test_weights_are_found_beside_what_a_training_script_keeps(tmp_path, write, key):
    state_dict = state_dict_of("lenet5")
    inside, storages = tensors(state_dict)
    settings = Call(Global("argparse", "Namespace"), ())
    beside = {"epoch": 3, "args": settings, "optimizer": {"state": {}}, "best": 0.5}
    if key == "state_dict_ema":
        beside["state_dict"] = {"w": None}
    write(tmp_path / "w.pth", beside | {key: inside}, storages)
    found = read("lenet5", str(tmp_path / "w.pth")).state_dict
    assert all(np.array_equal(found[name], value) for name, value in state_dict.items())


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "module._orig_mod.", "net."])
@pytest.mark.parametrize("name", ["lenet5", "linear", "densenet_40_k12"])
def test_what_a_wrapper_puts_before_every_name_is_left_out(tmp_path, name, prefix):
    """The names of `linear` all begin with `head.` themselves."""
    state_dict = state_dict_of(name)
    wrapped = {f"{prefix}{key}": value for key, value in state_dict.items()}
    wrapped["n_averaged"] = np.array(7)
    save_file(wrapped, tmp_path / "w.safetensors")
    found = read(name, str(tmp_path / "w.safetensors")).state_dict
    assert found.keys() - {"n_averaged"} == state_dict.keys()
    assert from_torch(name, wrapped)


def test_a_part_that_all_names_of_a_model_share_is_its_own():
    """DenseNet without its classifier has nothing but `features.`."""
    state_dict = state_dict_of("densenet_40_k12")
    backbone = {key: value for key, value in state_dict.items() if key.startswith("features.")}
    assert translate("densenet_40_k12", backbone).state_dict == backbone


def test_wrapped_weights_of_another_dialect_are_both_unwrapped_and_translated():
    weights = torchvisions_vgg()
    wrapped = {f"module.{key}": value for key, value in weights.items()}
    assert (
        translate("vgg11", wrapped).state_dict.keys()
        == translate("vgg11", weights).state_dict.keys()
    )


def test_the_hub_tells_which_form_of_a_network_its_weights_are_of(offline_hub):
    """The names and shapes of `tf_efficientnet_lite0` are those of `efficientnet_lite0`."""
    state_dict = state_dict_of("efficientnet_lite0")
    config = {"architecture": "tf_efficientnet_lite0", "pretrained_cfg": {}}
    hub_cache(offline_hub, "timm/tf_efficientnet_lite0.in1k", config, state_dict)
    source = "hf:timm/tf_efficientnet_lite0.in1k"
    assert read("efficientnet_lite0", source).arch == "tf_efficientnet_lite0"
    assert read("tf_efficientnet_lite0", source).arch == "tf_efficientnet_lite0"


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


def torchvisions_vgg():
    """As far as its names and the layout of its dense layers go."""
    weights = {"features.0.weight": np.zeros((4, 3, 3, 3), np.float32)}
    for number, shape in ((0, (5, 2 * 49)), (3, (6, 5)), (6, (7, 6))):
        weights[f"classifier.{number}.weight"] = np.random.default_rng(number).normal(size=shape)
        weights[f"classifier.{number}.bias"] = np.full(shape[0], number)
    return weights


def test_dense_layers_of_torchvisions_vgg_are_timms_convolutions():
    weights = torchvisions_vgg()
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
    stem = {"features.conv0.weight": 0}
    ours = translate("densenet121", weights | stem).state_dict
    todays = {f"{layer}.{kind}{n}.weight": n for kind in ("norm", "conv") for n in (1, 2)}
    assert ours == todays | stem


def test_the_first_swin_files_downsample_at_the_end_of_a_stage():
    weights = {"layers.0.downsample.reduction.weight": 0, "layers.2.downsample.norm.bias": 2}
    weights |= {"layers.2.blocks.0.norm1.weight": 3, "head.weight": 4}
    assert translate("swin_tiny_patch4_window7_224", weights).state_dict == {
        "layers.1.downsample.reduction.weight": 0,
        "layers.3.downsample.norm.bias": 2,
        "layers.2.blocks.0.norm1.weight": 3,
        "head.fc.weight": 4,
    }


def test_a_state_dict_in_memory_is_translated_as_one_in_a_file_is():
    """torchvision's names of a VGG; the dense layers as small as an override makes them."""
    dense = (8, 6)
    model = create_model("vgg11", num_classes=4, dense=dense)
    ours = {
        key: np.zeros(tensor.torch_shape, np.float32)
        for key, tensor in torch_tensors(model_spec("vgg11"), model).items()
    }
    places = {"pre_logits.fc1": "classifier.0", "pre_logits.fc2": "classifier.3"}
    places |= {"head.fc": "classifier.6"}
    theirs = {}
    for key, value in ours.items():
        module, leaf = key.rsplit(".", 1)
        flat = value.reshape(len(value), -1) if module in places and leaf == "weight" else value
        theirs[f"{places.get(module, module)}.{leaf}"] = flat
    shapes = jax.tree.map(np.shape, from_torch("vgg11", theirs, dense=dense))
    assert shapes == jax.tree.map(np.shape, from_torch("vgg11", ours, dense=dense))


def test_weights_of_the_tf_form_in_memory_are_refused_by_that_name():
    """Whoever asks makes the model too, which would compute something else with them."""
    with pytest.raises(UserError, match="weights of tf_efficientnet_b0, not efficientnet_b0"):
        from_torch("efficientnet_b0", {"_conv_stem.weight": np.zeros(1), "_fc.bias": np.zeros(1)})
