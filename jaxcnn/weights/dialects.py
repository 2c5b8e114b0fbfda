"""Names that other libraries and training scripts gave the same tensors, turned into timm's."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jaxcnn.data.preprocessing import Preprocessing
from jaxcnn.errors import UserError
from jaxcnn.models import list_models, model_spec
from jaxcnn.models.spec import Variables
from jaxcnn.weights.origin import Origin
from jaxcnn.weights.published import WEIGHTS
from jaxcnn.weights.torch_names import COMPUTED, StateDict, model_tensors, variables_of


@dataclass(frozen=True)
class Checkpoint:
    """A state dict in timm's names.

    Attributes:
        arch: the model that these weights are of; not always the one they were asked for.
        state_dict: torch's names -> arrays.
        preprocessing: what these weights want images to look like.
        origin: what they were read from; None if that was no file.
    """

    arch: str
    state_dict: StateDict
    preprocessing: Preprocessing
    origin: Origin | None = None


def from_torch(name: str, state_dict: StateDict, **overrides: Any) -> Variables:
    """Our variables of the model `name`, from a state dict of timm's, torchvision's or another.

    The number of classes is that of the state dict's head; without a head the variables are those
    of `create_model(name, num_classes=0)`. What wrappers put before every name (`module.`,
    `_orig_mod.`, `model.`) is left out, and positions of another size are resampled, as timm does.

    Args:
        name: one of `list_models()`.
        state_dict: torch's names -> arrays; computed buffers (`num_batches_tracked`) may be there.
        **overrides: fields of the model that change its shapes, as `create_model` takes them.

    Raises WeightsError with the lists of missing, surplus and misshapen keys, and UserError for
    weights of another model.
    """
    checkpoint = translate(name, state_dict)
    if checkpoint.arch != name:
        raise UserError(f"these are weights of {checkpoint.arch}, not {name}; give that name")
    return variables_of(name, checkpoint.state_dict, **overrides)


def other_form(name: str) -> str | None:
    """The same network with TensorFlow's padding and epsilon, or without: its weights have the same
    names and shapes. None for a model that has one form only."""
    other = name.removeprefix("tf_") if name.startswith("tf_") else f"tf_{name}"
    return other if other in list_models() else None


def translate(name: str, state_dict: StateDict) -> Checkpoint:
    """The weights of the model `name`, whichever of the known dialects they come in."""
    published = WEIGHTS.get(name)
    usual = Preprocessing() if published is None else published.preprocessing
    state_dict = _unwrapped(name, state_dict)
    checkpoint = Checkpoint(name, state_dict, usual)
    for speaks, translation in DIALECTS:
        if speaks(state_dict):
            return translation(checkpoint)
    return checkpoint


def _unwrapped(name: str, state_dict: StateDict) -> StateDict:
    """Without the first part of the keys, as often as all share it and none is the model's own."""
    while True:
        learned = [key for key in state_dict if not COMPUTED.search(key)]
        firsts = {key.partition(".")[0] for key in learned}
        if len(firsts) != 1 or not all("." in key for key in learned):
            return state_dict
        if not model_tensors(name, model_spec(name).num_classes).keys().isdisjoint(learned):
            return state_dict
        prefix = f"{firsts.pop()}."
        state_dict = {key.removeprefix(prefix): value for key, value in state_dict.items()}


def _rename(state_dict: StateDict, rows: Sequence[tuple[str, str]]) -> StateDict:
    def renamed(key: str) -> str:
        for pattern, replacement in rows:
            key, count = re.subn(pattern, replacement, key)
            if count:
                return key
        return key

    return {renamed(key): value for key, value in state_dict.items()}


# https://github.com/lukemelas/EfficientNet-PyTorch and its Lite fork.
_EFFICIENTNET_PYTORCH = (
    (r"^_conv_stem", "conv_stem"),
    (r"^_bn0", "bn1"),
    (r"^_conv_head", "conv_head"),
    (r"^_bn1", "bn2"),
    (r"^_fc", "classifier"),
    (r"^(blocks\.0\.\d+)\._bn", r"\1.bn"),
    (r"^(blocks\.0\.\d+)\._project_conv", r"\1.conv_pw"),
    (r"\._expand_conv", ".conv_pw"),
    (r"\._depthwise_conv", ".conv_dw"),
    (r"\._project_conv", ".conv_pwl"),
    (r"\._se_(reduce|expand)", r".se.conv_\1"),
    (r"\._bn0", ".bn1"),
    (r"\._bn1", ".bn2"),
    (r"\._bn2", ".bn3"),
)


def _from_efficientnet_pytorch(checkpoint: Checkpoint) -> Checkpoint:
    """It numbers blocks through all stages, pads as TensorFlow does, and BatchNorm's epsilon is
    1e-3: the networks that timm calls `tf_...`."""
    arch = checkpoint.arch
    if not arch.startswith("tf_") and arch.startswith("efficientnet_"):
        arch = f"tf_{arch}"
    keys = model_tensors(arch, model_spec(arch).num_classes)
    found = {match[0] for key in keys if (match := re.match(r"blocks\.\d+\.\d+", key))}
    blocks = sorted(found, key=lambda block: [int(part) for part in block.split(".")[1:]])

    def place(match: re.Match[str]) -> str:
        index = int(match[1])
        return blocks[index] if index < len(blocks) else match[0]

    in_stages = {
        re.sub(r"^_blocks\.(\d+)", place, key): value
        for key, value in checkpoint.state_dict.items()
    }
    preprocessing = checkpoint.preprocessing
    if "_lite" in arch:
        preprocessing = Preprocessing(mean=(127 / 255,) * 3, std=(128 / 255,) * 3)
    return Checkpoint(arch, _rename(in_stages, _EFFICIENTNET_PYTORCH), preprocessing)


def _from_torchvision_vgg(checkpoint: Checkpoint) -> Checkpoint:
    """Its dense layers are timm's convolutions of 7x7 and 1x1."""
    state_dict = dict(checkpoint.state_dict)
    for number, name, kernel in ((0, "fc1", 7), (3, "fc2", 1)):
        weight = state_dict.pop(f"classifier.{number}.weight")
        weight = weight.reshape(weight.shape[0], -1, kernel, kernel)
        state_dict[f"pre_logits.{name}.weight"] = weight
        state_dict[f"pre_logits.{name}.bias"] = state_dict.pop(f"classifier.{number}.bias")
    return replace(checkpoint, state_dict=_rename(state_dict, ((r"^classifier\.6", "head.fc"),)))


def _from_early_densenet(checkpoint: Checkpoint) -> Checkpoint:
    """torchvision's files of 2017 have `norm.1` for today's `norm1`."""
    rows = ((r"\.(norm|conv)\.([12])\.", r".\1\2."),)
    return replace(checkpoint, state_dict=_rename(checkpoint.state_dict, rows))


def _from_microsofts_swin(checkpoint: Checkpoint) -> Checkpoint:
    """Its stages end with the downsampling that timm's begin with."""

    def next_stage(found: re.Match[str]) -> str:
        return f"layers.{int(found[1]) + 1}.downsample"

    def renamed(key: str) -> str:
        key = re.sub(r"^head\.", "head.fc.", key)
        return re.sub(r"^layers\.(\d+)\.downsample", next_stage, key)

    state_dict = {renamed(key): value for key, value in checkpoint.state_dict.items()}
    return replace(checkpoint, state_dict=state_dict)


DIALECTS: tuple[tuple[Callable[[StateDict], bool], Callable[[Checkpoint], Checkpoint]], ...] = (
    (lambda keys: "_conv_stem.weight" in keys, _from_efficientnet_pytorch),
    (lambda keys: {"classifier.0.weight", "classifier.3.weight", "classifier.6.weight"} <= set(keys)
     and "features.0.weight" in keys, _from_torchvision_vgg),
    (lambda keys: "features.denseblock1.denselayer1.norm.1.weight" in keys, _from_early_densenet),
    (lambda keys: "layers.0.downsample.reduction.weight" in keys, _from_microsofts_swin),
)  # fmt: skip
