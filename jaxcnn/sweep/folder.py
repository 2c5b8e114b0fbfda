"""A sweep's folder: which recipes it compares, and what came of it; its runs are below."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxcnn.errors import UserError
from jaxcnn.files import own_files, strict_json
from jaxcnn.files.paths import expanded
from jaxcnn.files.typed_json import typed
from jaxcnn.recipe import Recipe, differences, from_json, to_json
from jaxcnn.run.lock import locked
from jaxcnn.text.lines import say
from jaxcnn.text.phrases import first_few

GO_ON = "give the same flags to go on, or another --workdir"


@dataclass(frozen=True)
class Sweep:
    """What is compared.

    Attributes:
        command: that began it.
        recipes: by name.
    """

    command: str
    recipes: Mapping[str, Recipe]


class SweepFolder:
    """`sweep.json`, `sweep.csv`, `sweep.md`, `sweep.png` and `index.html`, and the runs in
    `NAME/sSEED`."""

    def __init__(self, path: str) -> None:
        self.path = Path(expanded(path))
        self._sweep = self.path / "sweep.json"
        self.csv, self.md, self.png = (self.path / f"sweep.{kind}" for kind in ("csv", "md", "png"))
        self.html = self.path / "index.html"

    def read(self) -> Sweep | None:
        """The sweep that was begun here; None if no run of one was. Raises UserError for a run's
        folder."""
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"--workdir={self.path} is a file; give a folder")
        if (self.path / "recipe.json").exists():
            raise UserError(f"{self.path} holds a run, not a sweep; give another --workdir")
        # Until its first run has begun what was wrong with its flags may be put right.
        if not self._sweep.exists() or not any(self.path.glob("*/s*/recipe.json")):
            return None
        try:
            values = json.loads(own_files.read(self._sweep))
            kept = typed(_Kept, values, "")
            recipes = {name: from_json(recipe) for name, recipe in kept.recipes.items()}
        except (ValueError, RecursionError) as error:
            raise UserError(
                f"{self._sweep} is damaged ({error}); give another --workdir"
            ) from error
        return Sweep(kept.command, recipes)

    def refuse_other(self, recipes: Mapping[str, Recipe]) -> None:
        """Raises UserError if the sweep here is one of other recipes."""
        if (before := self.read()) is None:
            return
        if others := [name for name in before.recipes if name not in recipes]:
            raise UserError(f"{self.path} holds another sweep, with {first_few(others)}; {GO_ON}")
        if new := [name for name in recipes if name not in before.recipes]:
            raise UserError(f"{self.path} holds another sweep, without {first_few(new)}; {GO_ON}")
        for name, recipe in recipes.items():
            if different := differences(before.recipes[name], recipe):
                raise UserError(
                    f"{self.path} holds a sweep of another {name} ({'; '.join(different)}); {GO_ON}"
                )

    @contextmanager
    def claimed(self, sweep: Sweep) -> Iterator[None]:
        """Within it the folder is this sweep's. Raises UserError where it is another's, or cannot
        be written."""
        self.refuse_foreign(sweep)
        with locked(self.path, say):
            # Now that no other process can begin one here.
            self.refuse_other(sweep.recipes)
            recipes = {name: to_json(recipe) for name, recipe in sweep.recipes.items()}
            values = {"command": sweep.command, "recipes": recipes}
            own_files.write(self._sweep, strict_json.dumps(values, indent=2) + "\n")
            yield

    def refuse_foreign(self, sweep: Sweep) -> None:
        """Raises UserError if what is written here is a link or no file."""
        own = (self._sweep, self.csv, self.md, self.png, self.html)
        partial = (path.with_name(path.name + ".partial") for path in own)
        runs = (self.path / name for name in sweep.recipes)
        own_files.refuse_foreign((*own, *partial, self.path / "lock"), runs)


@dataclass(frozen=True)
class _Kept:
    """`sweep.json`."""

    command: str
    recipes: Mapping[str, Any]
