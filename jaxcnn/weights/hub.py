"""Files of a repository on the Hugging Face Hub, which may be out of reach."""

import time
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from jaxcnn.errors import UserError
from jaxcnn.text.phrases import reason

# For an answer: where there is no copy to go on with, and where there is one. The Hub's own client
# takes ten seconds for each address of the host, and asks seven times.
PATIENCE_SECONDS, PATIENCE_WITH_COPY_SECONDS = 10.0, 3.0
# A command asks for several files, in several places: what gave no answer is not asked again soon.
REMEMBERED_SECONDS = 60.0
# Statuses that say nothing of the repository.
BUSY = (408, 429, 500, 502, 503, 504)

# By the Hub's address and the patience it had: when it gave no answer, and why.
_silences: dict[tuple[str, float], tuple[float, str]] = {}


def file_of(source: str, name: str, commit: str | None = None) -> Path:
    """The file `name` of the repository `source`, "hf:OWNER/REPOSITORY" or with "@REVISION".

    Of its own revision if no commit is given. It comes through the Hub's cache, and from there
    alone where the Hub gives no answer or HF_HUB_OFFLINE=1 is set.

    Raises UserError, in one line, where it is neither there nor to be had.
    """
    from huggingface_hub import constants, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    repository, _, own = source.removeprefix("hf:").partition("@")
    revision = commit or own or None
    download = partial(hf_hub_download, repository, name, revision=revision)
    copy = None
    try:
        copy = Path(download(local_files_only=True))
    except HFValidationError as error:
        raise UserError(
            f"{source} is not a repository's name; give hf:timm/NAME or hf:timm/NAME@REVISION"
        ) from error
    except LocalEntryNotFoundError:
        pass
    if copy is not None and copy.parent.name == revision:
        return copy  # What a commit holds is the same for ever.
    if constants.HF_HUB_OFFLINE:
        silence = "HF_HUB_OFFLINE is set"
    else:
        url = hf_hub_url(repository, name, revision=revision)
        patience = PATIENCE_SECONDS if copy is None else PATIENCE_WITH_COPY_SECONDS
        silence = _silence(url, constants.ENDPOINT, patience)
    if silence is None:
        try:
            return Path(download())
        except Exception as error:  # Whatever its client makes of the network, or of the disk.
            raise UserError(f"{source} cannot be fetched: {_told(error)}") from error
    if copy is None:
        raise UserError(
            f"{name} of {source} is not in the Hub's cache ({constants.HF_HUB_CACHE}), and "
            f"{constants.ENDPOINT} cannot be reached ({silence}); without a network give a "
            ".safetensors or .pth file, a run's folder, or what was downloaded before"
        )
    return copy


def _silence(url: str, endpoint: str, patience: float) -> str | None:
    """Why the Hub does not answer for `url` within so many seconds; None if it does.

    It is asked once.
    """
    known = endpoint, patience
    then, why = _silences.get(known, (-REMEMBERED_SECONDS, ""))
    if time.monotonic() - then < REMEMBERED_SECONDS:
        return why
    answers: SimpleQueue[str | None] = SimpleQueue()
    # On a thread: neither the name's look-up nor the addresses in turn keep to a time together.
    Thread(target=lambda: answers.put(_asked(url, patience)), daemon=True).start()
    try:
        silence = answers.get(timeout=patience)
    except Empty:
        silence = f"no answer in {patience:g} s"
    if silence is not None:
        _silences[known] = time.monotonic(), silence
    return silence


def _asked(url: str, patience: float) -> str | None:
    from huggingface_hub import get_hf_file_metadata
    from huggingface_hub.errors import HfHubHTTPError

    try:
        get_hf_file_metadata(url, timeout=patience)
    except HfHubHTTPError as error:
        # That there is no such file is an answer too.
        return _told(error) if error.response.status_code in BUSY else None
    except Exception as error:  # Whatever its client makes of the network.
        return reason(error)
    return None


def _told(error: Exception) -> str:
    """What the Hub says is below its status."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[1] if len(lines) > 1 else reason(error)
