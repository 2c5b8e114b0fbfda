"""The study of a folder: trials that processes share, drawn by optuna, judged by validation.

Which values a trial gets is a function of the seed, its number and the trials before it, so that a
search that was stopped and goes on draws what it would have drawn. A process that ended left the
trial that it was at; the next one that asks goes on with it from its run's last checkpoint.
"""

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, Trial, TrialState
from rich.console import Console

from jaxcnn.data import DataError
from jaxcnn.errors import UserError
from jaxcnn.files.typed_text import text_of
from jaxcnn.recipe import Recipe, check
from jaxcnn.run.folder import RunFolder
from jaxcnn.train.fit import fit
from jaxcnn.train.not_finite import LossNotFinite
from jaxcnn.tune.folder import TuneFolder
from jaxcnn.tune.recipes import Recipes
from jaxcnn.tune.space import Choices, Interval

Say = Callable[[str], object]

NAME = "jaxcnn"
# For what other processes write meanwhile.
SECONDS_TO_WAIT = 60
REASON = "reason"
PRUNERS: Mapping[str, Callable[[], optuna.pruners.BasePruner]] = {
    "median": optuna.pruners.MedianPruner,
    "hyperband": optuna.pruners.HyperbandPruner,
    "none": optuna.pruners.NopPruner,
}


def study_of(folder: TuneFolder, pruner: str) -> optuna.Study:
    """The study of a folder, made where there is none; `pruner` is one of PRUNERS."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    # SQLite's own word for a file that another process writes is an error, at once.
    waiting = {"connect_args": {"timeout": SECONDS_TO_WAIT}}
    with folder.alone():
        storage = optuna.storages.RDBStorage(f"sqlite:///{folder.study}", engine_kwargs=waiting)
        return optuna.create_study(
            storage=storage,
            study_name=NAME,
            direction="maximize",
            pruner=PRUNERS[pruner](),
            load_if_exists=True,
        )


class Pruned(Exception):
    """The trial is not worth its further epochs."""


@dataclass(frozen=True)
class Tuning:
    """A search under way.

    Attributes:
        folder: its folder.
        recipes: what is searched.
        metric: the figure of validation that is to be high.
        seed: of what is drawn.
        study: its trials; see `study_of`.
        say: is told what becomes of the trials.
    """

    folder: TuneFolder
    recipes: Recipes
    metric: str
    seed: int
    study: optuna.Study
    say: Say
    _space: dict[str, BaseDistribution] = field(init=False)

    def __post_init__(self) -> None:
        space = {name: _distribution(domain) for name, domain in self.recipes.search.items()}
        object.__setattr__(self, "_space", space)

    def try_all(self, trials: int | None, is_over: Callable[[], bool]) -> None:
        """Trial after trial, until the study has so many, those of other processes among them, or
        until `is_over`."""
        while not is_over():
            with self._next(trials) as trial:
                if trial is None:
                    return
                self._try(trial)

    @contextmanager
    def _next(self, most: int | None) -> Iterator[Trial | None]:
        """One that a process left, or a new one; None when there are `most`."""
        with ExitStack() as claim:
            with self.folder.alone():
                trial = self._left(claim) or self._new(claim, most)
            yield trial

    def _left(self, claim: ExitStack) -> Trial | None:
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            try:
                claim.enter_context(self.folder.trying(trial.number))
            except UserError:
                continue  # Its process is at it.
            self.say(f"going on with trial {trial.number}")
            return Trial(self.study, trial._trial_id)
        return None

    def _new(self, claim: ExitStack, most: int | None) -> Trial | None:
        number = len(self.study.get_trials(deepcopy=False))
        if most is not None and number >= most:
            return None
        # Of its own, so that it does not count which trials this process drew.
        drawn_by = np.random.SeedSequence([self.seed, number]).generate_state(1)
        self.study.sampler = optuna.samplers.TPESampler(seed=int(drawn_by[0]), constant_liar=True)
        trial = self.study.ask(self._space)
        claim.enter_context(self.folder.trying(trial.number))
        return trial

    def _try(self, trial: Trial) -> None:
        values = self.values_of(trial.params)
        self.say(f"trial {trial.number}: {shown(values)}")
        try:
            recipe = self.recipes.of(values)
            check(recipe)
            value = self._value_of(trial, recipe)
        except (Pruned, LossNotFinite) as reason:
            self._end_early(trial, str(reason))
        except DataError:
            raise
        except UserError as error:
            # Values that do not go together, or too large a batch: others may do.
            self._end_early(trial, f"refused: {error}")
        else:
            self.study.tell(trial.number, value)
            self._told(trial.number, f"{self.metric} {value:.4f}")

    def _value_of(self, trial: Trial, recipe: Recipe) -> float:
        path = self.folder.trial(trial.number)
        known = trial.storage.get_trial(trial._trial_id).intermediate_values

        def report(line: Mapping[str, Any]) -> None:
            value = line[f"val_{self.metric}"]
            if value is not None and math.isfinite(value) and line["epoch"] not in known:
                trial.report(value, line["epoch"])

        def prune(line: Mapping[str, Any]) -> None:
            # After the last epoch there is nothing left to save.
            is_last = recipe.steps is None and line["epoch"] >= recipe.epochs
            if not is_last and trial.should_prune():
                raise Pruned(f"pruned after epoch {line['epoch']}")

        def on_epoch(line: Mapping[str, Any]) -> None:
            report(line)
            value = line[f"val_{self.metric}"]
            told = "not finite" if value is None else f"{value:.4f}"
            self.say(f"trial {trial.number}, epoch {line['epoch']}: {self.metric} {told}")
            prune(line)

        # A process that ended may have saved an epoch that it did not report, or not looked at.
        before = RunFolder(path).read_metrics()
        for line in before:
            report(line)
        for line in before[-1:]:
            prune(line)
        quiet = Console(quiet=True)
        summary = fit(recipe, path, console=quiet, callbacks=[on_epoch], command="jaxcnn.tune")
        return summary["val"][self.metric]

    def _end_early(self, trial: Trial, reason: str) -> None:
        trial.set_user_attr(REASON, reason)
        self.study.tell(trial.number, state=TrialState.PRUNED)
        self._told(trial.number, reason)

    def _told(self, number: int, what: str) -> None:
        """Keeps the best recipe, and weights of no other trial than its."""
        with self.folder.alone():
            best = self.best
            if best is not None and best.number == number:
                what += ", the best so far"
                self.folder.write_best(self.best_recipe)
            for trial in self.study.get_trials(deepcopy=False):
                if trial.state.is_finished() and (best is None or trial.number != best.number):
                    self.folder.drop_weights(trial.number)
        self.say(f"trial {number}: {what}")

    @property
    def best(self) -> FrozenTrial | None:
        """The first of the best that went to their end."""
        try:
            return self.study.best_trial
        except ValueError:
            return None

    @property
    def best_recipe(self) -> Recipe:
        """As a run trains it, tested at its end."""
        assert self.best is not None, "no trial went to its end"
        return replace(self.recipes.of(self.values_of(self.best.params)), test=True)

    def values_of(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """By field, as recipes have them; the study has words for what is chosen from a list."""
        values = {}
        for name, domain in self.recipes.search.items():
            value = params[name]
            values[name] = domain.of_text(value) if isinstance(domain, Choices) else value
        return values


def shown(values: Mapping[str, Any]) -> str:
    """`optim.lr=0.0123, augment.mixup=0.2`."""
    return ", ".join(f"{name}={shown_value(value)}" for name, value in values.items())


def shown_value(value: Any) -> str:
    """Four figures of a number, for people; the recipe has them all."""
    return f"{value:.4g}" if isinstance(value, float) else text_of(value)


def _distribution(domain: Interval | Choices) -> BaseDistribution:
    if isinstance(domain, Choices):
        return CategoricalDistribution(domain.texts)
    if domain.whole:
        return IntDistribution(int(domain.low), int(domain.high), log=domain.log)
    return FloatDistribution(domain.low, domain.high, log=domain.log)
