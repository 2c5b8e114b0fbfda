"""What was measured: a figure of each run and seed, and how runs differ, seed by seed."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from jaxcnn.metrics import holm
from jaxcnn.sweeps import Comparison, Estimate, compared, estimate

# Beside the figures: the network's parameters, and the seconds of the run beside the others.
OF_EVERY_RUN = ("params", "seconds")
Pair = tuple[str, str]


@dataclass(frozen=True)
class Row:
    """One run: its name, its seed, and its figures by the measures' names."""

    run: str
    seed: int
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Table:
    """The rows of an experiment, those of a run together and in the seeds' order."""

    rows: tuple[Row, ...]

    @property
    def runs(self) -> list[str]:
        return list(dict.fromkeys(row.run for row in self.rows))

    @property
    def seeds(self) -> list[int]:
        return sorted({row.seed for row in self.rows})

    def estimate(self, run: str, measure: str) -> Estimate:
        """A figure of one run over its seeds. Raises UserError where one is not finite."""
        return estimate(self._summaries(run), "figures", measure)

    def differences(self, measure: str, pairs: Sequence[Pair]) -> dict[Pair, Comparison]:
        """Of each pair the first run's figure less the second's, paired by seed.

        The p-values are corrected, by Holm's method, for all that are asked for together.
        """
        alone = {
            (run, base): compared(
                {base: self._summaries(base), run: self._summaries(run)}, base, "figures", measure
            )[run]
            for run, base in pairs
        }
        corrected = holm([1.0 if c.p_value is None else c.p_value for c in alone.values()])
        return {
            pair: Comparison(c.difference, None if c.p_value is None else p)
            for (pair, c), p in zip(alone.items(), corrected, strict=True)
        }

    def derived(self, name: str, of: Callable[[Mapping[str, float]], float]) -> "Table":
        """With one more figure of each run, which follows from its others."""
        rows = (replace(row, figures={**row.figures, name: of(row.figures)}) for row in self.rows)
        return Table(tuple(rows))

    def to_csv(self) -> str:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["run", "seed", *self.rows[0].figures])
        for row in self.rows:
            writer.writerow([row.run, row.seed, *row.figures.values()])
        return text.getvalue()

    @staticmethod
    def from_csv(text: str) -> "Table":
        lines = csv.DictReader(io.StringIO(text))
        return Table(
            tuple(
                Row(
                    line.pop("run"),
                    int(line.pop("seed")),
                    {name: float(value) for name, value in line.items()},
                )
                for line in lines
            )
        )

    def _summaries(self, run: str) -> list[dict[str, object]]:
        """As `jaxcnn.sweeps` has them."""
        return [
            {"arch": run, "seed": row.seed, "figures": row.figures}
            for row in self.rows
            if row.run == run
        ]
