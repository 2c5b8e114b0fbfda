"""All claims: those that are written, and those that are not."""

import importlib
import pkgutil
from collections.abc import Mapping

import experiments
from experiments.form.claim import Claim

# Of the field's history, by number: what is asked, and why nothing answers it yet.
NOT_WRITTEN: Mapping[int, tuple[str, str]] = {
    8: (
        "Is scaling depth, width and resolution together better than any alone, at equal cost?",
        "not written: images of 16 pixels leave no small steps of resolution",
    ),
    12: (
        "From how many labels on is training from scratch as good as transfer?",
        "`experiments/fine_tuning.py` asks a part of it: how much is to learn from few pictures",
    ),
}

# Experiments of other forms, whose answers stand in their files.
BESIDE = ("cifar10_speedrun", "explanations_checked", "fine_tuning")


def claims() -> dict[str, Claim]:
    """By name, in the order of their numbers."""
    found = []
    for info in pkgutil.iter_modules(experiments.__path__):
        if info.name.startswith("_") or info.ispkg:
            continue
        module = importlib.import_module(f"experiments.{info.name}")
        if (claim := getattr(module, "CLAIM", None)) is not None:
            found.append(claim)
    return {claim.name: claim for claim in sorted(found, key=lambda claim: claim.number)}


def first_line(name: str) -> str:
    """The question of an experiment, from its file's docstring."""
    return (importlib.import_module(f"experiments.{name}").__doc__ or "").partition("\n")[0]
