"""In what two finished runs differ, to the bit."""

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from jaxcnn.selfcheck.outcome import Outcome

# What a run computes, of what it writes down; the rest is how long that took.
COMPUTED = ("epoch", "step", "params", "train", "val", "test")


def check_equal(one: str, other: str, what: str) -> Outcome:
    """A failure, "`what`: ..." where the two runs' folders differ."""
    found = differences(Path(one), Path(other))
    figures = {"equal": not found}
    if not found:
        return Outcome(figures)
    more = f" and {len(found) - 1} more differences" if len(found) > 1 else ""
    return Outcome(figures, failures=(f"{what}: {found[0]}{more}",))


def differences(one: Path, other: Path) -> list[str]:
    """Of two finished runs, times aside: metrics, summary, every array of every checkpoint."""
    found = []
    for name in ("metrics.jsonl", "summary.json"):
        if computed(one / name) != computed(other / name):
            found.append(f"{name} differs")
    steps = [saved_steps(folder) for folder in (one, other)]
    if steps[0] != steps[1]:
        found.append(f"checkpoints {sorted(steps[0])} are not {sorted(steps[1])}")
    for step in sorted(steps[0] & steps[1]):
        arrays = [leaves(folder / "checkpoints" / step / "state") for folder in (one, other)]
        if arrays[0].keys() != arrays[1].keys():
            found.append(f"checkpoint {step} has other arrays")
        for name in sorted(arrays[0].keys() & arrays[1].keys()):
            if not np.array_equal(arrays[0][name], arrays[1][name]):
                found.append(f"checkpoint {step}: {name} differs")
    return found


def saved_steps(workdir: Path) -> set[str]:
    """The steps whose checkpoints are whole; what is being written has another name."""
    return {path.name for path in (workdir / "checkpoints").glob("*") if path.name.isdigit()}


def leaves(state: Path) -> dict[str, np.ndarray]:
    """A checkpoint's arrays by name, whatever devices wrote them."""
    with ocp.PyTreeCheckpointer() as reader:
        metadata: Any = reader.metadata(state.absolute()).item_metadata
        as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), metadata.tree)
        tree = reader.restore(state.absolute(), restore_args=as_numpy)
    flat, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in flat}


def computed(path: Path) -> list[Any]:
    """A file's JSON objects, one for each line or one in all, without what is not `COMPUTED`."""
    text = path.read_text()
    values = text.splitlines() if path.suffix == ".jsonl" else [text]
    return [{k: v for k, v in json.loads(x).items() if k.startswith(COMPUTED)} for x in values]
