"""What predictions are worth: figures on the host, with how sure they are.

    figures = class_figures(labels, logits)  # labels [N], logits [N, K]
    figures.top1, figures.intervals["top1"], figures.to_json()

`class_figures` is for images of one class each, `set_figures` for images that show several;
`by_group` and `sets_by_group` have the same of parts of a split, `mcnemar` and `mean_difference`
two models on the same images. `jaxcnn.task.metrics` has what training measures, on the devices.
"""

from jaxcnn.metrics.calibration import Calibration, calibration, fit_temperature
from jaxcnn.metrics.classes import ClassFigures, class_figures
from jaxcnn.metrics.confusion import bootstrap_of_confusion, confusion_matrix, worst_pairs
from jaxcnn.metrics.corrections import holm
from jaxcnn.metrics.curves import Curve, precision_over_recall, roc
from jaxcnn.metrics.examples import Examples, examples_of, log_probabilities
from jaxcnn.metrics.groups import GroupFigures, by_group, sets_by_group
from jaxcnn.metrics.intervals import bootstrap_of_mean, newcombe, student, wilson
from jaxcnn.metrics.paired import mcnemar, mean_difference
from jaxcnn.metrics.several_labels import SetFigures, set_figures
from jaxcnn.metrics.thresholds import tuned_thresholds

__all__ = [
    "Calibration",
    "ClassFigures",
    "Curve",
    "Examples",
    "GroupFigures",
    "SetFigures",
    "bootstrap_of_confusion",
    "bootstrap_of_mean",
    "by_group",
    "calibration",
    "class_figures",
    "confusion_matrix",
    "examples_of",
    "fit_temperature",
    "holm",
    "log_probabilities",
    "mcnemar",
    "mean_difference",
    "newcombe",
    "precision_over_recall",
    "roc",
    "set_figures",
    "sets_by_group",
    "student",
    "tuned_thresholds",
    "wilson",
    "worst_pairs",
]
