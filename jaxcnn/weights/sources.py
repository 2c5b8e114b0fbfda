"""Where weights come from: .safetensors, .pth, or a repository on the Hugging Face Hub.

Nothing here can run code of a file's: safetensors holds numbers, and .pth files are read by
torch's weights-only unpickler.
"""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxcnn.errors import UserError
from jaxcnn.paths import expanded
from jaxcnn.weights.dialects import Checkpoint, translate
from jaxcnn.weights.preprocessing import from_config
from jaxcnn.weights.torch_names import StateDict

KINDS = "a .safetensors or .pth file, a run's folder, or hf:timm/NAME"


def read(name: str, source: str) -> Checkpoint:
    """The weights of the model `name` at `source`: a file's path or `hf:OWNER/REPOSITORY`.

    Raises UserError, in one line, for what cannot be found or read.
    """
    if source.startswith("hf:"):
        return _from_hub(name, source.removeprefix("hf:"))
    path = Path(expanded(source))
    readers = {".safetensors": _read_safetensors, ".pth": _read_pth, ".pt": _read_pth}
    if path.suffix not in readers:
        raise UserError(f"cannot read weights from {source!r}; give {KINDS}")
    if not path.is_file():
        raise UserError(f"no weights at {path}")
    return translate(name, readers[path.suffix](path))


def _read_safetensors(path: Path) -> StateDict:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is not a whole .safetensors file: {error}") from error
    return {key: _as_float32(value) for key, value in tensors.items()}


def _read_pth(path: Path) -> StateDict:
    try:
        import torch  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise UserError(
            f"reading {path.name} needs torch (pip install 'jaxcnn[torch]'); .safetensors does not"
        ) from error
    try:
        with warnings.catch_warnings(action="ignore"):
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # Whatever a damaged or a forbidden pickle makes torch raise.
        # Not torch's own words, which advise to load it unsafely.
        raise UserError(
            f"{path} is damaged, or holds more than tensors, which is not read since it could run "
            "code; whoever trusts it can save its state dict alone"
        ) from error
    return {
        key.removeprefix("module."): _as_float32(value.float().numpy())
        for key, value in _state_dict(path, loaded).items()
        if isinstance(value, torch.Tensor)
    }


def _state_dict(path: Path, loaded: Any) -> Mapping[str, Any]:
    """Training scripts keep the weights beside other things, by one of these names."""
    if isinstance(loaded, Mapping):
        for key in ("state_dict_ema", "model_ema", "state_dict", "model"):
            if isinstance(loaded.get(key), Mapping):
                return loaded[key]
        return loaded
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
    # timm nests its settings; older repositories have them at the top.
    return Checkpoint(
        checkpoint.arch,
        checkpoint.state_dict,
        from_config(config.get("pretrained_cfg", config)),
    )
