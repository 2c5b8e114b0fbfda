"""A model asked among the classes that a set has images of, as ImageNet-A and ImageNet-R are."""

from dataclasses import replace

import numpy as np

from jaxcnn.engine.evaluate import Evaluation
from jaxcnn.metrics.examples import examples_of

# Far below every logit, so that a class has no probability; and a number, as figures ask for.
NEVER = np.float32(-1e30)


def among_shown(evaluation: Evaluation) -> Evaluation:
    """As if the network knew none of the classes that no image shows.

    Of images of one class each.
    """
    labels, logits = evaluation.labels, evaluation.kept
    shown = np.unique(labels)
    among = np.full_like(logits, NEVER)
    among[:, shown] = logits[:, shown]
    examples = examples_of(labels, among)
    figures = {
        "top1": float(examples.right.mean()),
        "top5": float((examples.ranks < 5).mean()),
        "loss": float(examples.losses.mean()),
    }
    return replace(evaluation, figures={**evaluation.figures, **figures}, logits=among)
