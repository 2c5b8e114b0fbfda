"""How large is the noise of one training, and how many seeds does a small difference need?

    python -m experiments.seed_noise --data-dir=DIR

One recipe with 50 seeds, which draw its initial weights, order and augmentation. The seed that
validates best is compared with the mean, and so is the one that tests best, which nobody may
choose. The answer is in experiments/RESULTS.md.
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from experiments.form import command
from experiments.form.claim import Claim, Part, Verdict
from experiments.form.drawing import COLOURS
from experiments.form.measures import TEST_TOP1, VAL_TOP1
from experiments.form.small_resnet import BASE, SETTING, STEM_AND_HEAD
from experiments.form.table import Table

DIFFERENCE = 0.002  # Of top-1: what papers have reported as a gain.
Z_FOUND, Z_POWER = stats.norm.ppf([0.975, 0.8])

RUN = "baseline"
RUNS = {RUN: replace(BASE, epochs=2)}
MEASURES = {"val_top1": VAL_TOP1, "test_top1": TEST_TOP1}


def answer(table: Table) -> Sequence[Part]:
    val, test = (np.array(table.estimate(RUN, name).values) for name in MEASURES)
    if len(test) < 3:
        return [Part("seeds alone move test accuracy", f"{len(test)} seed", "undecided")]
    return [_spread(test), _seeds_needed(test), _chosen(val, test), _flattered(test)]


def _spread(test: np.ndarray) -> Part:
    std, (low, high) = test.std(ddof=1), _interval_of_std(test)
    return Part(
        "seeds alone move test top-1 by more than 0.2 % (standard deviation)",
        f"{std:.4f}, 95% interval {low:.4f} to {high:.4f}; lowest {test.min():.4f}, highest "
        f"{test.max():.4f}",
        _verdict(low > DIFFERENCE, high < DIFFERENCE),
    )


def _seeds_needed(test: np.ndarray) -> Part:
    """Of each of two recipes, to find the difference at p < 0.05 in 80 % of studies: both with this
    spread, seeds not paired, by the normal approximation."""
    low, found, high = (
        math.ceil(2 * ((Z_FOUND + Z_POWER) * std / DIFFERENCE) ** 2)
        for std in (_interval_of_std(test)[0], test.std(ddof=1), _interval_of_std(test)[1])
    )
    return Part(
        "a difference of 0.2 % needs more than 5 seeds a recipe",
        f"{found}, 95% interval {low} to {high}",
        _verdict(low > 5, high <= 5),
    )


def _chosen(val: np.ndarray, test: np.ndarray) -> Part:
    """Whether seeds that validate better test better."""
    found = stats.spearmanr(val, test)
    correlation, p = float(found.statistic), float(found.pvalue)  # pyright: ignore
    best = test[val.argmax()] - test.mean()
    return Part(
        "the seed that validates better tests better",
        f"rank correlation of validation and test {correlation:+.2f}, p {p:.4f}; the best by "
        f"validation tests {best:+.4f} from the mean".replace("-", "−"),
        _verdict(p < 0.05 and correlation > 0, p < 0.05 and correlation < 0),
    )


def _flattered(test: np.ndarray) -> Part:
    """By how much the best of some seeds by test lies above what a seed gives: of ten, the mean
    over all tens that these seeds allow."""
    ranked, n = np.sort(test), len(test)
    # How often each, in ascending order, is the best of ten drawn without replacement.
    few = min(10, n)
    share = np.array([math.comb(i, few - 1) for i in range(n)]) / math.comb(n, few)
    of_ten, of_all = share @ ranked - test.mean(), ranked[-1] - test.mean()
    return Part(
        "choosing a seed by test flatters by more than 0.2 %",
        f"the best of {few} reports {of_ten:+.4f}, the best of {n} {of_all:+.4f} above the mean",
        _verdict(bool(of_ten > DIFFERENCE), bool(of_all < DIFFERENCE)),
    )


def _interval_of_std(values: np.ndarray) -> tuple[float, float]:
    """95 %, of a normal distribution's."""
    n = len(values)
    low, high = stats.chi2.ppf([0.975, 0.025], n - 1)
    std = values.std(ddof=1)
    return std * math.sqrt((n - 1) / low), std * math.sqrt((n - 1) / high)


def _verdict(is_so: bool, is_not: bool) -> Verdict:
    return "supported" if is_so else "not supported" if is_not else "undecided"


def draw(table: Table, figure: Figure) -> None:
    val, test = (table.estimate(RUN, name).values for name in MEASURES)
    figure.set_size_inches(8.4, 3.6)
    left, right = figure.subplots(1, 2)
    left.hist(test, bins=12, color=COLOURS[0], edgecolor="white")
    left.set(xlabel=TEST_TOP1.label, ylabel="seeds", title="spread over seeds")
    right.plot(val, test, "o", color=COLOURS[0], ms=5, alpha=0.7)
    right.set(xlabel=VAL_TOP1.label, ylabel=TEST_TOP1.label, title="a dot a seed")
    right.grid(alpha=0.3)


CLAIM = Claim(
    name="seed_noise",
    number=17,
    question="How large is the noise of a training, and how many seeds does 0.2 % need?",
    source="Picard, 2021, https://arxiv.org/abs/2109.08203; Bouthillier et al., 2021, "
    "https://arxiv.org/abs/2103.03098",
    setting=f"{SETTING}; 2 epochs",
    runs=RUNS,
    measures=MEASURES,
    answer=answer,
    draw=draw,
    quick_model=STEM_AND_HEAD,
    seeds=50,
    decided_by="more seeds",
)

main = partial(command.main, CLAIM, __doc__)


if __name__ == "__main__":
    sys.exit(main())
