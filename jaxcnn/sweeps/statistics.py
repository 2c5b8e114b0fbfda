"""What figures over seeds say, and how one recipe's differ from another's."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy import stats

from jaxcnn.errors import UserError
from jaxcnn.metrics import holm

# Differences that vary by less are equal: they are of fractions of far fewer images.
EQUAL_WITHIN = 1e-12


@dataclass(frozen=True)
class Estimate:
    """One figure over the seeds of a recipe, or its folds.

    Attributes:
        values: one per seed, in the seeds' order, or per fold of each.
        overlap: of cross-validation the size of a part over that of what is trained on, 1 / (K - 1)
            of K folds: runs share most of their training examples, and their mean varies more than
            that of as many of their own (Nadeau and Bengio, 2003,
            https://doi.org/10.1023/A:1024068626366; for repeated folds Bouckaert and Frank, 2004,
            https://doi.org/10.1007/978-3-540-24775-3_3). Else 0.
        mean: their mean.
        std: their sample standard deviation; 0 for a single seed.
        interval95: half the width of the 95% confidence interval of the mean (Student's t);
            infinite for a single seed, which says nothing of the spread.
    """

    values: tuple[float, ...]
    overlap: float = 0.0

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def std(self) -> float:
        return statistics.stdev(self.values) if len(self.values) > 1 else 0.0

    @property
    def standard_error(self) -> float:
        """Of the mean."""
        return self.std * (1 / len(self.values) + self.overlap) ** 0.5

    @property
    def interval95(self) -> float:
        n = len(self.values)
        if n == 1:
            return float("inf")
        return float(stats.t.ppf(0.975, n - 1)) * self.standard_error

    def __str__(self) -> str:
        if len(self.values) == 1:
            return f"{self.mean:.4f} (n=1, which says nothing of the spread)"
        return f"{self.mean:.4f} ± {self.interval95:.4f} (std {self.std:.4f}, n={len(self.values)})"


@dataclass(frozen=True)
class Comparison:
    """A recipe beside the baseline, seed by seed.

    Attributes:
        difference: the recipe's figure less the baseline's, of each seed.
        p_value: of the paired t-test, corrected for as many comparisons as were made together;
            None where the difference does not vary: for a single seed, or equal for all.
    """

    difference: Estimate
    p_value: float | None


def estimate(summaries: Sequence[Mapping[str, Any]], split: str, metric: str) -> Estimate:
    """A figure of the summaries, `estimate(runs["baseline"], "test", "top1")` for one.

    Raises UserError where a run's is not finite.
    """
    values = tuple(summary[split][metric] for summary in summaries)
    for summary, value in zip(summaries, values, strict=True):
        # A summary that was read has null for it.
        if value is None or not math.isfinite(value):
            raise UserError(
                f"the {split} {metric} of {summary['arch']}, seed {summary['seed']}, is not "
                "finite; compare another figure"
            )
    return Estimate(values, _overlap(summaries))


def num_folds(summary: Mapping[str, Any]) -> int | None:
    """The N of a run's fold K/N; None for a run of none."""
    fold = summary.get("fold")
    return None if fold is None else int(fold.partition("/")[2])


def _overlap(summaries: Sequence[Mapping[str, Any]]) -> float:
    folds = num_folds(summaries[0]) if summaries else None
    return 0.0 if folds is None else 1 / (folds - 1)


def compared(
    summaries: Mapping[str, Sequence[Mapping[str, Any]]], baseline: str, split: str, metric: str
) -> dict[str, Comparison]:
    """Every other recipe's figure beside that of `baseline`, by name.

    Runs of a seed, or of a fold of a seed, are a pair: they begin with the same weights, where the
    architecture is the same, and see the same batches. Raises ValueError for recipes that have not
    the same seeds.
    """
    base = _by_seed(summaries[baseline], split, metric)
    differences = {}
    for name, runs in summaries.items():
        if name != baseline:
            figures = _by_seed(runs, split, metric)
            if figures.keys() != base.keys():
                raise ValueError(f"{name!r} and {baseline!r} have not the same seeds")
            pairs = ((figures[seed], base[seed]) for seed in figures)
            apart = tuple(one - other for one, other in pairs)
            differences[name] = Estimate(apart, _overlap(runs))
    raw = {name: _p_value(difference) for name, difference in differences.items()}
    # One that has no p-value was compared nevertheless: it counts, as what shows nothing. Holm's
    # correction may be had by comparisons that share a baseline.
    corrected = holm([1.0 if p is None else p for p in raw.values()])
    return {
        name: Comparison(differences[name], None if raw[name] is None else p)
        for name, p in zip(raw, corrected, strict=True)
    }


def _by_seed(
    runs: Sequence[Mapping[str, Any]], split: str, metric: str
) -> dict[tuple[int, str | None], float]:
    values = estimate(runs, split, metric).values
    return {(run["seed"], run.get("fold")): value for run, value in zip(runs, values, strict=True)}


def _p_value(difference: Estimate) -> float | None:
    """Of Student's t-test that the mean difference of the pairs is 0; of folds, corrected for their
    overlap."""
    values = difference.values
    if max(values) - min(values) <= EQUAL_WITHIN:
        return None
    t = abs(difference.mean) / difference.standard_error
    return 2 * float(stats.t.sf(t, len(values) - 1))
