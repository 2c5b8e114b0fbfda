"""Which of a network's parameters learn, and which stay as they are."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flax.traverse_util import flatten_dict, unflatten_dict

from jaxcnn.errors import UserError
from jaxcnn.models.spec import LayerOrder

Path = tuple[str, ...]


@dataclass(frozen=True)
class Learning:
    """The parameters that stay as they are.

    Attributes:
        kept: their paths.
        kept_norms: paths of the modules whose batch statistics stay with them: of those that have
            none of the parameters that learn.
    """

    kept: frozenset[Path] = frozenset()
    kept_norms: frozenset[Path] = frozenset()

    def split(self, params: Any) -> tuple[Any, Any]:
        """Those that learn, and those that stay: two trees that `joined` puts together."""
        if not self.kept:
            return params, {}
        leaves = flatten_dict(params)
        learn = {path: leaf for path, leaf in leaves.items() if path not in self.kept}
        stay = {path: leaf for path, leaf in leaves.items() if path in self.kept}
        return unflatten_dict(learn), unflatten_dict(stay)

    def joined(self, learn: Any, stay: Any) -> Any:
        if not self.kept:
            return learn
        return unflatten_dict({**flatten_dict(learn), **flatten_dict(stay)})

    def split_stats(self, batch_stats: Any) -> tuple[Any, Any]:
        """The same of batch statistics."""
        return Learning(frozenset(p for p in flatten_dict(batch_stats) if self._stays(p))).split(
            batch_stats
        )

    def _stays(self, stats_path: Path) -> bool:
        return stats_path[:-1] in self.kept_norms


ALL = Learning()
# What `--finetune` calls all that learns but batch normalisation.
FROZEN_NORMS = "frozen-norms"


def learning_of(
    finetune: str,
    params: Mapping[str, Any],
    batch_stats: Mapping[str, Any],
    *,
    head: set[str],
    layers: LayerOrder | None,
    arch: str,
) -> Learning:
    """What `--finetune` says of a network.

    Args:
        finetune: "full"; "frozen-norms", all but batch normalisation; "head"; "last-N", the head
            and the N layers before it; or a regular expression that names of parameters as
            "layer4_0/conv1/kernel" have in them. The head, whose shape the classes decide, learns
            with each.
        params: of the network; shapes will do. `batch_stats` likewise.
        head: the names of its head's modules.
        layers: the order of its layers, as layer decay has it.
        arch: for messages.

    Raises UserError where the network has no such layers or parameters.
    """
    if finetune == "full":
        return ALL
    paths = set(flatten_dict(params))
    learn = {path for path in paths if path[0] in head}
    modules = {path[:-1] for path in flatten_dict(batch_stats)}
    if finetune == FROZEN_NORMS:
        norms = {path for path in paths - learn if path[:-1] in modules}
        return Learning(frozenset(norms), frozenset(modules))
    if last := re.fullmatch(r"last-(\d+)", finetune):
        if layers is None:
            raise UserError(
                f"--finetune={finetune} goes by the order of a model's layers, which {arch}'s file "
                "does not say; give head, or a regular expression"
            )
        numbers = layers.numbers(params)
        most = max(numbers.values())
        wanted = int(last[1])
        if not 1 <= wanted <= most:
            raise UserError(
                f"--finetune={finetune}: {arch} has {most} layers before its head; give last-1 to "
                f"last-{most}, head or full"
            )
        learn |= {path for path in paths if numbers[path[0]] >= most - wanted}
    elif finetune != "head":
        found = {path for path in paths if re.search(finetune, "/".join(path))}
        if not found:
            some = ", ".join(sorted({path[0] for path in paths})[:8])
            raise UserError(
                f"--finetune={finetune}: no parameter of {arch} has that in its name; they are in "
                f"{some}, ..."
            )
        learn |= found
    learning = {path[:depth] for path in learn for depth in range(len(path))}
    # One without parameters of its own goes with the module that it is in.
    owning = {path[:depth] for path in paths for depth in range(1, len(path))}
    kept_norms = {
        module
        for module in modules
        if (module if module in owning else module[:-1]) not in learning
    }
    return Learning(frozenset(paths - learn), frozenset(kept_norms))
