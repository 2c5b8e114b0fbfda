"""A search's folder: what is searched, the study with its trials, and what came of it."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
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
class Search:
    """What the trials of a folder have in common.

    Attributes:
        command: that began it.
        search: each field's range or values, as they are typed.
        pruner: the name of what ends trials early.
        recipes: that trials begin with, by the flags that tell them apart.
    """

    command: str
    search: Mapping[str, str]
    pruner: str
    recipes: Mapping[str, Recipe]


class TuneFolder:
    """`tune.json`, `study.db`, `best.json`, `trials.csv`, `tune.md` and `index.html`, and a run of
    each trial in `trials/NNNN`."""

    def __init__(self, path: str) -> None:
        self.path = Path(expanded(path))
        self.trials = self.path / "trials"
        self.study = self.path / "study.db"
        self.best = self.path / "best.json"
        self.csv, self.md = self.path / "trials.csv", self.path / "tune.md"
        self.html = self.path / "index.html"
        self._search = self.path / "tune.json"

    def trial(self, number: int) -> Path:
        """The folder of a trial's run."""
        return self.trials / f"{number:04d}"

    def read(self) -> Search | None:
        """The search that was begun here; None if none was. Raises UserError for another folder."""
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"--workdir={self.path} is a file; give a folder")
        for file, kind in (("recipe.json", "a run"), ("sweep.json", "a sweep")):
            if (self.path / file).exists():
                raise UserError(f"{self.path} holds {kind}, not a search; give another --workdir")
        # Until its first trial has begun what was wrong with its flags may be put right.
        if not self._search.exists() or not any(self.trials.glob("*/recipe.json")):
            return None
        try:
            kept = typed(_Kept, json.loads(own_files.read(self._search)), "")
            recipes = {name: from_json(recipe) for name, recipe in kept.recipes.items()}
        except (ValueError, RecursionError) as error:
            raise UserError(
                f"{self._search} is damaged ({error}); give another --workdir"
            ) from error
        return Search(kept.command, kept.search, kept.pruner, recipes)

    def refuse_other(self, search: Search) -> None:
        """Raises UserError, naming what differs, if the search here is another one."""
        if (before := self.read()) is None:
            return
        different = []
        for field in dict.fromkeys([*before.search, *search.search]):
            was, now = before.search.get(field, "not searched"), search.search.get(field, "not")
            if was != now:
                different.append(f"{field}: {was} != {now}")
        if before.pruner != search.pruner:
            different.append(f"--pruner: {before.pruner} != {search.pruner}")
        if not different:
            for name, recipe in search.recipes.items():
                different += differences(before.recipes[name], recipe)
        if different:
            shown = first_few(list(dict.fromkeys(different)))
            raise UserError(f"{self.path} holds another search ({shown}); {GO_ON}")

    def claim(self, search: Search) -> None:
        """Makes the folder this search's. Raises UserError where it is another's, or cannot be
        written."""
        self.refuse_foreign()
        with self.alone():
            # Now that no other process can begin one here.
            self.refuse_other(search)
            recipes = {name: to_json(recipe) for name, recipe in search.recipes.items()}
            values = {
                "command": search.command,
                "search": dict(search.search),
                "pruner": search.pruner,
                "recipes": recipes,
            }
            if self.read() is None:
                own_files.write(self._search, strict_json.dumps(values, indent=2) + "\n")

    def alone(self) -> AbstractContextManager[None]:
        """Within it no other process asks for a trial, or writes here; it waits for that."""
        return locked(self.path, lambda line: None, name="study.lock", waits=True)

    @contextmanager
    def trying(self, number: int) -> Iterator[None]:
        """Within it the trial is this process's. Raises UserError if it is another's."""
        with locked(self.trials, lambda line: None, name=f"{number:04d}.lock"):
            yield

    def refuse_foreign(self) -> None:
        """Raises UserError if what is written here is a link or no file."""
        own = (self._search, self.best, self.csv, self.md, self.html, self.study)
        partial = (path.with_name(path.name + ".partial") for path in own)
        locks = (self.path / "study.lock", *self.trials.glob("*.lock"))
        own_files.refuse_foreign((*own, *partial, *locks), (self.trials,))

    def write_best(self, recipe: Recipe) -> None:
        own_files.write(self.best, strict_json.dumps(to_json(recipe), indent=2) + "\n")

    def drop_weights(self, number: int) -> None:
        """Deletes the checkpoints of a trial; its figures stay."""
        checkpoints = self.trial(number) / "checkpoints"
        if checkpoints.is_symlink():
            say(f"{checkpoints} is a link, and stays")
        else:
            shutil.rmtree(checkpoints, ignore_errors=True)


@dataclass(frozen=True)
class _Kept:
    """`tune.json`."""

    command: str
    search: Mapping[str, str]
    pruner: str
    recipes: Mapping[str, Any]
