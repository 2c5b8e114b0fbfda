import numpy as np
import pytest
from scipy.special import log_softmax

from jaxcnn.data import dataset_spec
from jaxcnn.engine.evaluate import Evaluation
from jaxcnn.metrics import class_figures
from jaxcnn.trained.among_shown import among_shown


@pytest.mark.parametrize("name", ["imagenet_a", "imagenet_r"])
def test_sets_of_some_of_imagenets_classes_ask_among_these(name):
    assert dataset_spec(name).among_shown and not dataset_spec("imagenet_v2").among_shown


def test_a_class_that_no_image_shows_is_no_answer():
    rng = np.random.default_rng(0)
    labels = np.array([1, 4, 4, 7, 9, 1], np.int32)
    logits = rng.normal(size=(6, 10)).astype(np.float32)
    logits[:, 0] = 9.0  # What the network would say of all.
    found = among_shown(Evaluation({"top1": 0.0, "top5": 0.0, "loss": 9.0, "n": 6}, labels, logits))
    of_shown = logits[:, [1, 4, 7, 9]]
    right = np.array([0, 1, 1, 2, 3, 0])
    assert found.figures["top1"] == np.mean(of_shown.argmax(1) == right)
    losses = -log_softmax(of_shown.astype(float), axis=1)[np.arange(6), right]
    assert found.figures["loss"] == pytest.approx(losses.mean())
    assert found.figures["n"] == 6
    figures = class_figures(labels, found.kept)
    assert figures.loss == pytest.approx(losses.mean()) and figures.calibration.ece is not None
