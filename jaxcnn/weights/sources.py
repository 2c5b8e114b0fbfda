"""Where weights come from: safetensors, torch's files, or a repository on the Hugging Face Hub.

What is in a file tells which kind it is, whatever its name ends in. Nothing here can run code of a
file's: safetensors holds numbers, and of torch's files nothing is called (`torch_files`).
"""

import hashlib
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from jaxcnn.data.preprocessing import Preprocessing, from_config
from jaxcnn.errors import UserError
from jaxcnn.files import own_files
from jaxcnn.files.paths import expanded
from jaxcnn.text.phrases import reason
from jaxcnn.weights.dialects import Checkpoint, other_form, translate
from jaxcnn.weights.hub import file_of
from jaxcnn.weights.origin import Origin
from jaxcnn.weights.torch_files import read_state_dict
from jaxcnn.weights.torch_names import StateDict

KINDS = "a .safetensors or .pth file, a run's folder, or hf:timm/NAME"


def read(name: str, source: str) -> Checkpoint:
    """The weights of the model `name` at `source`, as the numbers that are stored there.

    `source` is a file's path, or `hf:OWNER/REPOSITORY` on the Hub, with `@REVISION` (a branch, tag
    or commit) if not its main branch.

    Raises UserError, in one line, for what cannot be found or read.
    """
    if source.startswith("hf:"):
        return _from_hub(name, source)
    path = Path(expanded(source))
    if not path.is_file():
        raise UserError(f"no weights at {path}; give {KINDS}")
    checkpoint = translate(name, _read_file(path))
    return replace(checkpoint, origin=Origin(source, None, {path.name: sha256_of(path)}))


def stated_image_size(source: str) -> int | None:
    """Height and width in pixels that the weights at `source` ask for; they are not read.

    None where they do not say, as a file's do not. Raises UserError for a repository that cannot be
    read.
    """
    if not source.startswith("hf:"):
        return None
    return _preprocessing(_config(file_of(source, "config.json"), source), source).image_size


def stated_architecture(source: str) -> str | None:
    """The architecture that the weights at `source` say they are of; None where they do not say,
    as a file's do not. Raises UserError for a repository that cannot be read."""
    if not source.startswith("hf:"):
        return None
    name = _config(file_of(source, "config.json"), source).get("architecture")
    return name if isinstance(name, str) else None


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_file(path: Path) -> StateDict:
    with path.open("rb") as file:
        start = file.read(9)
    # A zip archive or a pickle; the length of a header of JSON, and the header.
    is_safetensors = start[8:] == b"{"
    if start.startswith((b"PK", b"\x80")) and not is_safetensors and not _is_other_archive(path):
        return read_state_dict(path)
    if is_safetensors or path.suffix == ".safetensors":
        return _read_safetensors(path)
    raise UserError(f"{path} is neither a whole .safetensors nor a whole .pth file; give {KINDS}")


def _is_other_archive(path: Path) -> bool:
    """Whether it is a zip archive that torch did not write, as NumPy's .npz is."""
    try:
        with zipfile.ZipFile(path) as archive:
            return not any(name.endswith("data.pkl") for name in archive.namelist())
    except zipfile.BadZipFile:
        return False


def _read_safetensors(path: Path) -> StateDict:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is not a whole .safetensors file: {error}") from error
    except Exception as error:  # Whatever a type that NumPy lacks makes its reader raise.
        raise UserError(
            f"{path} has numbers of a type that is not read ({reason(error)}); save it as float32"
        ) from error


def _from_hub(name: str, source: str) -> Checkpoint:
    config_path = file_of(source, "config.json")
    # The owner may change the branch in between: both are of one commit.
    commit = config_path.parent.name
    weights_path = file_of(source, "model.safetensors", commit)
    checkpoint = translate(name, _read_safetensors(weights_path))
    config = _config(config_path, source)
    other = other_form(checkpoint.arch)
    return Checkpoint(
        other if other and config.get("architecture") == other else checkpoint.arch,
        checkpoint.state_dict,
        _preprocessing(config, source),
        Origin(
            source, commit, {path.name: sha256_of(path) for path in (config_path, weights_path)}
        ),
    )


def _config(path: Path, source: str) -> dict[str, Any]:
    try:
        config = json.loads(own_files.read(path))
    except (ValueError, RecursionError) as error:
        raise UserError(f"config.json of {source} is damaged: {reason(error)}") from error
    if not isinstance(config, dict):
        raise UserError(f"config.json of {source} is no object of JSON")
    return config


def _preprocessing(config: dict[str, Any], source: str) -> Preprocessing:
    # timm nests its settings; older repositories have them at the top.
    inner = config.get("pretrained_cfg", config)
    try:
        if not isinstance(inner, dict):
            raise UserError("pretrained_cfg is no object")
        return from_config(inner)
    except UserError as error:
        raise UserError(f"config.json of {source}: {error}") from error
