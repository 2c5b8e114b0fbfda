"""Names that other libraries gave the same tensors, turned into timm's."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from jaxcnn.models import create_model, model_spec
from jaxcnn.weights.preprocessing import Preprocessing
from jaxcnn.weights.published import PUBLISHED
from jaxcnn.weights.torch_names import StateDict, torch_tensors


@dataclass(frozen=True)
class Checkpoint:
    """A state dict in timm's names.

    Attributes:
        arch: the model that these weights are of; not always the one they were asked for.
        state_dict: torch's names -> arrays.
        preprocessing: what these weights want images to look like.
    """

    arch: str
    state_dict: StateDict
    preprocessing: Preprocessing


def translate(name: str, state_dict: StateDict) -> Checkpoint:
    """The weights of the model `name`, whichever of the known dialects they come in."""
    published = PUBLISHED.get(name)
    usual = Preprocessing() if published is None else published.preprocessing
    checkpoint = Checkpoint(name, state_dict, usual)
    for speaks, translation in DIALECTS:
        if speaks(state_dict):
            return translation(checkpoint)
    return checkpoint


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
    spec = model_spec(arch)
    keys = torch_tensors(spec, create_model(arch))
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


DIALECTS: tuple[tuple[Callable[[StateDict], bool], Callable[[Checkpoint], Checkpoint]], ...] = (
    (lambda keys: "_conv_stem.weight" in keys, _from_efficientnet_pytorch),
    (lambda keys: {"classifier.0.weight", "classifier.3.weight", "classifier.6.weight"} <= set(keys)
     and "features.0.weight" in keys, _from_torchvision_vgg),
    (lambda keys: "features.denseblock1.denselayer1.norm.1.weight" in keys, _from_early_densenet),
)  # fmt: skip
