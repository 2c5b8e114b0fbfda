"""How often a run's test split was measured: what is chosen by it afterwards, it flatters."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from jaxcnn.processes.distributed import is_first
from jaxcnn.run.folder import RunFolder


def note_test_use(
    workdir: str | Path, *, by: str, say: Callable[[str], None] = lambda line: None
) -> None:
    """Notes in a run's folder that its test split was measured; `say` is told of the times before.

    Args:
        workdir: the run's folder; one that cannot be written is left as it is, with a line.
        by: the command.
        say: is told.
    """
    folder = RunFolder(workdir, writes=is_first())
    if line := said_of(folder):
        say(line)
    try:
        folder.append_test_use({"when": now(), "by": by})
    except OSError as error:
        say(f"{folder.path} cannot be written ({error.strerror}): this use of its test split goes "
            "unnoted")  # fmt: skip


def said_of(folder: RunFolder) -> str | None:
    """When the test split of a run was measured, in a line; None if it never was."""
    uses = folder.read_test_uses()
    if not uses:
        return None
    first, last = uses[0], uses[-1]
    if len(uses) == 1:
        times = f"once before, {_shown(first)}"
    else:
        times = f"{len(uses)} times before, first {_shown(first)}, last {_shown(last)}"
    return f"the test split of {folder.path} was measured {times}: choose nothing by it"


def now() -> str:
    """To the second, as ISO 8601 has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _shown(use: dict[str, str]) -> str:
    return f"{use['when']} by {use['by']}"
