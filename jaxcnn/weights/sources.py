"""Where weights come from: safetensors, torch's files, or a repository on the Hugging Face Hub.

What is in a file tells which kind it is, whatever its name ends in. Nothing here can run code of a
file's: safetensors holds numbers, and torch's files are read by its weights-only unpickler.
"""

import argparse
import json
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxcnn.errors import UserError
from jaxcnn.paths import expanded
from jaxcnn.weights.dialects import Checkpoint, other_form, translate
from jaxcnn.weights.preprocessing import from_config
from jaxcnn.weights.torch_names import StateDict

KINDS = "a .safetensors or .pth file, a run's folder, or hf:timm/NAME"

# Training scripts keep the weights beside other things, by one of these names: averages first.
NESTED = ("state_dict_ema", "model_ema", "state_dict", "model_state_dict", "model")


def read(name: str, source: str) -> Checkpoint:
    """The weights of the model `name` at `source`: a file's path or `hf:OWNER/REPOSITORY`.

    Raises UserError, in one line, for what cannot be found or read.
    """
    if source.startswith("hf:"):
        return _from_hub(name, source.removeprefix("hf:"))
    path = Path(expanded(source))
    if not path.is_file():
        raise UserError(f"no weights at {path}; give {KINDS}")
    return translate(name, _read_file(path))


def _read_file(path: Path) -> StateDict:
    with path.open("rb") as file:
        start = file.read(9)
    # A zip archive or a pickle; the length of a header of JSON, and the header.
    is_safetensors = start[8:] == b"{"
    if start.startswith((b"PK", b"\x80")) and not is_safetensors and not _is_other_archive(path):
        return _read_torch(path)
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
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is not a whole .safetensors file: {error}") from error
    return {key: _as_float32(value) for key, value in tensors.items()}


def _read_torch(path: Path) -> StateDict:
    try:
        import torch  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise UserError(
            f"reading {path.name} needs torch (pip install 'jaxcnn[torch]'); .safetensors does not"
        ) from error
    try:
        # A training script's settings: it holds values alone.
        harmless = torch.serialization.safe_globals([argparse.Namespace])
        with warnings.catch_warnings(action="ignore"), harmless:
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # Whatever a damaged or a forbidden pickle makes torch raise.
        # Not torch's own words, which advise to load it unsafely.
        raise UserError(
            f"{path} is damaged, or holds more than tensors, which is not read since it could run "
            "code; whoever trusts it can save its state dict alone"
        ) from error
    return {
        key: _as_float32(value.float().numpy())
        for key, value in _state_dict(path, loaded).items()
        if isinstance(value, torch.Tensor)
    }


def _state_dict(path: Path, loaded: Any) -> Mapping[str, Any]:
    if isinstance(loaded, Mapping):
        return next((loaded[key] for key in NESTED if isinstance(loaded.get(key), Mapping)), loaded)
    raise UserError(f"{path} holds a {type(loaded).__name__}, not a state dict")


def _as_float32(value: np.ndarray) -> np.ndarray:
    return value.astype(np.float32)


def _from_hub(name: str, repository: str) -> Checkpoint:
    """Through the Hub's cache; HF_HUB_OFFLINE=1 uses nothing but the cache."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        config_path = hf_hub_download(repository, "config.json")
        weights_path = hf_hub_download(repository, "model.safetensors")
    except HFValidationError as error:
        raise UserError(f"hf:{repository} is not a repository's name; give hf:timm/NAME") from error
    except LocalEntryNotFoundError as error:
        raise UserError(
            f"hf:{repository} is not in the Hub's cache, and the Hub cannot be reached"
        ) from error
    except (HfHubHTTPError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"hf:{repository} cannot be fetched: {reason}") from error
    checkpoint = translate(name, _read_safetensors(Path(weights_path)))
    config = json.loads(Path(config_path).read_text())
    other = other_form(checkpoint.arch)
    return Checkpoint(
        other if other and config.get("architecture") == other else checkpoint.arch,
        checkpoint.state_dict,
        # timm nests its settings; older repositories have them at the top.
        from_config(config.get("pretrained_cfg", config)),
    )
