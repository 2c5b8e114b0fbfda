"""Figures of a finished run that several experiments ask for."""

from functools import lru_cache, partial

import numpy as np

from experiments.form.claim import Measure, Run
from jaxcnn.run.folder import RunFolder
from jaxcnn.trained.subject import subject_of_run


def _of_split(split: str, figure: str, run: Run) -> float:
    return run.summary[split][figure]


def _of_last_epoch(figure: str, run: Run) -> float:
    return RunFolder(run.folder).read_metrics()[-1][figure]


TEST_TOP1 = Measure("test top-1 (fraction)", partial(_of_split, "test", "top1"))
VAL_TOP1 = Measure("validation top-1 (fraction)", partial(_of_split, "val", "top1"))


@lru_cache(maxsize=1)
def test_logits(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Labels int [N] and logits [N, K] of the test split, by the checkpoint that was tested."""
    subject = subject_of_run(run.folder)
    evaluation = subject.evaluate(subject.load("test"))
    return evaluation.labels, evaluation.kept


# Of some training images as they are, by the network as it is at the end.
TRAIN_LOSS = Measure("training loss (nats an image)", partial(_of_last_epoch, "train_sample_loss"))
TRAIN_TOP1 = Measure("training top-1 (fraction)", partial(_of_last_epoch, "train_sample_top1"))
