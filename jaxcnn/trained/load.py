"""A run's network, or published weights, ready for pictures."""

import os
import warnings
from pathlib import Path
from typing import Any

from jaxcnn.errors import UserError
from jaxcnn.files.paths import expanded
from jaxcnn.trained.classifier import Classifier, classifier_of_run, published_classifier


def load(
    source: str | os.PathLike[str],
    *,
    arch: str | None = None,
    dataset: str | None = None,
    data_dir: str | None = None,
    labels: str | None = None,
    image_size: int | None = None,
    model: Any = None,
    task: Any = None,
) -> Classifier:
    """The network of a run's folder, at its best by validation, or published weights of `arch`.

        clf = jaxcnn.load("runs/lenet5-digits-s0")
        clf = jaxcnn.load("hf:timm/resnet50.a1_in1k", arch="resnet50")
        clf("cat.jpg")  # float32 [1, K]

    Args:
        source: a run's folder; with `arch` a .safetensors or .pth file, or hf:OWNER/NAME.
        arch: of published weights, one of `list_models()`.
        dataset: of published weights, the set whose classes they tell apart, for the names;
            ImageNet's are taken for as many classes as it has.
        data_dir: an image folder, for its classes' names.
        labels: a CSV file with the classes of that folder's pictures.
        image_size: of published weights, height and width in pixels; what they ask for if not
            given.
        model: of a run that a program gave its network (`fit(..., model=)`), that.
        task: of a run that a program gave a task of its own class, that.

    What should be known of how they were read is a warning each. Raises UserError where there is no
    run, no finished epoch, or weights, data and model do not fit each other.
    """
    place = os.fspath(source)
    if arch is not None:
        if model is not None or task is not None:
            raise UserError("model and task are of runs; published weights have their arch")
        return published_classifier(
            arch,
            place,
            dataset=dataset,
            data_dir=data_dir,
            labels=labels,
            image_size=image_size,
            say=_warn,
        )
    if not (Path(expanded(place)) / "recipe.json").is_file():
        raise UserError(f"{place} is not a run's folder; of published weights give arch=NAME too")
    if any(value is not None for value in (dataset, labels, image_size)):
        raise UserError(
            "dataset, labels and image_size are for published weights; a run has its own"
        )
    return classifier_of_run(place, data_dir=data_dir, model=model, task=task, say=_warn)


def _warn(line: str) -> None:
    warnings.warn(line, stacklevel=4)
