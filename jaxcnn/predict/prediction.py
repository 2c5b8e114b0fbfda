"""Pictures classified by a run's model or by published weights, and explained on request."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcnn.data import DatasetSpec, dataset_at, dataset_spec, with_labels
from jaxcnn.data.augment.resize import Resize
from jaxcnn.data.augment.transform import Transform
from jaxcnn.data.imagenet_classes import imagenet_classes
from jaxcnn.data.loader.pipeline import eval_batches
from jaxcnn.data.preprocessing import Preprocessing
from jaxcnn.data.sources.pictures import UNREADABLE, Pictures
from jaxcnn.engine.model_input import ModelInput, input_of_weights
from jaxcnn.engine.step import mean_of_mirrored
from jaxcnn.errors import UserError
from jaxcnn.explain import (
    attention_rollout,
    attributions,
    grad_cam,
    grad_cam_plus_plus,
    guided_backprop,
    occlusion,
    score_cam,
    smooth_grad,
)
from jaxcnn.explain.figure import HeatMap
from jaxcnn.explain.stages import choose, stages
from jaxcnn.models import create_model, model_spec
from jaxcnn.models.spec import Variables
from jaxcnn.predict.methods import OF_A_STAGE, Method
from jaxcnn.recipe import compute_dtype
from jaxcnn.run.folder import RunFolder
from jaxcnn.run.pretrained import (
    Pretrained,
    check_classes,
    check_head,
    learned_from,
    read_pretrained,
)
from jaxcnn.task.mixing import normalize
from jaxcnn.task.of_data import task_of
from jaxcnn.xla.gpu import on_gpu, with_float32_products

Say = Callable[[str], None]
T = TypeVar("T")

LARGEST_BATCH = 32


@dataclass(frozen=True)
class Classifier:
    """A model with its weights, and what brings pictures to it.

    Attributes:
        model: the network.
        variables: its weights.
        preprocessing: the mean and standard deviation that images are normalised by.
        data: what its images are: those of this set, or pictures like them.
        transforms: what is done to a picture, of any size, as it is read from its file.
        flip: whether its mirror image has a say too, as in the run's evaluation.
    """

    model: nn.Module
    variables: Variables
    preprocessing: Preprocessing
    data: DatasetSpec
    transforms: tuple[Transform, ...]
    flip: bool = False

    def probabilities(self, logits: jax.Array) -> jax.Array:
        """[N, K] -> [N, K]: of one class for each image, or of each class on its own."""
        return task_of(self.data, self.preprocessing).probabilities(logits)

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """None where they are not known."""
        return self.data.class_names or None

    # Here, so that one classifier's programs are compiled once for images of one shape.
    @cached_property
    def probabilities_of(self) -> Callable[[Variables, np.ndarray], jax.Array]:
        """Compiled: (variables, uint8 [N, H, W, C]) -> [N, K]."""
        return jax.jit(_precise(partial(_probabilities, self)))

    @cached_property
    def heat_of(
        self,
    ) -> Callable[[Method, Variables, np.ndarray, np.ndarray], tuple[jax.Array, jax.Array | None]]:
        """Compiled: (method, variables, uint8 [N, H, W, C], classes [N]) -> [N, H', W'], and of
        integrated gradients the gaps [N]."""
        return jax.jit(_precise(partial(_heat, self)), static_argnums=0)


@dataclass(frozen=True)
class Prediction:
    """A picture, classified.

    Attributes:
        path: its file.
        probabilities: float32 [K].
        image: uint8 [H, W, C], as the model got it.
        heat: what spoke for the most probable class; None if that was not asked for.
    """

    path: Path
    probabilities: np.ndarray
    image: np.ndarray
    heat: HeatMap | None

    def top(self, k: int) -> list[tuple[int, float]]:
        """The `k` most probable classes, or all if they are fewer, with their probabilities."""
        order = np.argsort(-self.probabilities, kind="stable")[:k]
        return [(int(index), float(self.probabilities[index])) for index in order]


@dataclass(frozen=True)
class Unreadable:
    """A file that could not be used, and why, in one line."""

    path: Path
    problem: str


def classifier_of_run(
    workdir: str | Path, *, data_dir: str | None = None, say: Say = lambda line: None
) -> Classifier:
    """The best checkpoint of a run by validation, which pictures come to as in its evaluation.

    A set of images of one size has pictures of any other size stretched to it first.

    Args:
        workdir: the run's folder.
        data_dir: for a run that keeps no names of its classes (an earlier version's): an image
            folder that has them; where the run had it if not given.
        say: is told where names are not known, or the folder not needed.

    Raises UserError if the folder holds no run or no finished epoch.
    """
    folder = RunFolder(workdir)
    recipe = folder.read_recipe()
    if data_dir is not None and folder.read_data() is not None:
        say(f"{folder.path} knows its classes' names; --data-dir={data_dir} is not looked at")
    elif data_dir is not None:
        dataset_at(recipe.dataset, data_dir)  # Raises where it is not there.
        recipe = replace(recipe, data_dir=data_dir, labels=None)
    data, model_input = learned_from(folder, recipe, say)
    pretrained = read_pretrained(recipe.arch, str(workdir))
    for note in pretrained.notes:
        say(note)
    dtype = jnp.dtype(compute_dtype(recipe))
    return _classifier(pretrained, data, model_input, dtype, flip=recipe.eval_flip)


def published_classifier(
    arch: str,
    source: str,
    *,
    dataset: str | None = None,
    data_dir: str | None = None,
    labels: str | None = None,
    image_size: int | None = None,
    say: Say = lambda line: None,
) -> Classifier:
    """Published weights, which pictures come to as in `evaluation.evaluate_pretrained`.

    Args:
        arch: one of `list_models()`.
        source: as for `jaxcnn.load_weights`.
        dataset: whose classes are those of the weights; if not given, pictures are photographs,
            and as many classes as ImageNet has are taken for its.
        data_dir: an image folder, for its classes' names.
        labels: the CSV file with the classes of its pictures.
        image_size: height and width in pixels; what the weights ask for if not given.
        say: is told what the user should know before the figures.

    Raises UserError where weights, data and model do not fit each other.
    """
    if dataset is None and model_spec(arch).channels == 1:
        raise UserError(f"{arch} sees grey images; give --dataset=NAME, the set it was trained on")
    named = dataset is not None or data_dir is not None
    row = dataset or "image_folder"
    place = with_labels(row, data_dir, labels)
    data = dataset_at(row, place) if named else dataset_spec(row)
    pretrained = read_pretrained(arch, source)
    for note in pretrained.notes:
        say(note)
    check_head(pretrained)
    if not named and (known := imagenet_classes(pretrained.num_classes)) is not None:
        title, class_names = known
        number = len(class_names)
        say(f"the {number:,} classes are taken for {title}'s; --dataset=NAME names others")
        data = replace(data, num_classes=number, class_names=class_names)
    weights = pretrained.preprocessing
    model_input = input_of_weights(pretrained.arch, weights, data, image_size=image_size)
    return _classifier(pretrained, data, model_input)


def _classifier(
    pretrained: Pretrained,
    data: DatasetSpec,
    model_input: ModelInput,
    dtype: Any = jnp.float32,
    *,
    flip: bool = False,
) -> Classifier:
    if data.class_names:
        check_classes(pretrained, data)
    transforms = model_input.transforms(data)
    if data.image_size is not None:
        transforms = (Resize(data.image_size), *transforms)
    model = create_model(
        pretrained.arch, num_classes=pretrained.num_classes, dtype=dtype, **pretrained.overrides
    )
    preprocessing = model_input.preprocessing
    return Classifier(model, pretrained.variables, preprocessing, data, transforms, flip)


def classify(
    classifier: Classifier, paths: Sequence[Path], *, explain: Method | None = None
) -> Iterator[Prediction | Unreadable]:
    """One for each path, in order.

    Args:
        classifier: the model.
        paths: picture files.
        explain: how to explain the most probable class of each.

    Raises UserError if the model cannot take the images, or not be explained that way.
    """
    source = Pictures(paths, channels=classifier.data.channels, transforms=classifier.transforms)
    batches = eval_batches(source, (), batch_size=min(len(paths), LARGEST_BATCH), num_threads=2)
    variables = classifier.variables
    stage: str | None = None
    index = 0
    for batch in batches:
        images = batch["image"]
        if explain in OF_A_STAGE and stage is None:
            stage = _stage(classifier, images)
        probabilities = np.asarray(classifier.probabilities_of(variables, images))
        heat: list[HeatMap | None] = [None] * len(images)
        if explain is not None:
            values, gaps = jax.device_get(
                classifier.heat_of(explain, variables, images, probabilities.argmax(-1))
            )
            gaps = [None] * len(values) if gaps is None else gaps.tolist()
            heat = [
                _heat_map(explain, one, images.shape[1], gap, stage)
                for one, gap in zip(values, gaps, strict=True)
            ]
        for row in range(int(batch["weight"].sum())):
            if batch["label"][row] == UNREADABLE:
                yield Unreadable(paths[index], source.problems[index])
            else:
                yield Prediction(paths[index], probabilities[row], images[row], heat[row])
            index += 1


def _precise(function: Callable[..., T]) -> Callable[..., T]:
    return with_float32_products(function) if on_gpu(jax.devices()) else function


def _normalized(classifier: Classifier, images: jax.Array) -> jax.Array:
    return normalize(images, classifier.preprocessing.mean, classifier.preprocessing.std)


def _probabilities(classifier: Classifier, variables: Variables, images: jax.Array) -> jax.Array:
    model, images = classifier.model, _normalized(classifier, images)
    outputs = mean_of_mirrored(model) if classifier.flip else partial(model.apply, train=False)
    logits: Any = outputs(variables, images)
    return classifier.probabilities(logits)


def _heat(
    classifier: Classifier,
    method: Method,
    variables: Variables,
    images: jax.Array,
    classes: jax.Array,
) -> tuple[jax.Array, jax.Array | None]:
    """[N, H', W'], one number for a place; and of integrated gradients the gaps [N]."""
    model, inputs = classifier.model, _normalized(classifier, images)
    about = model, variables, inputs, classes
    match method:
        case "grad_cam":
            return grad_cam(*about), None
        case "grad_cam_plus_plus":
            return grad_cam_plus_plus(*about), None
        case "score_cam":
            return score_cam(*about), None
        case "integrated_gradients":
            found = attributions(*about)
            return found.values.sum(-1), found.gap
        case "smooth_grad":
            # One key, so that a picture's explanation is the same the next time.
            return jnp.abs(smooth_grad(*about, jax.random.key(0))).sum(-1), None
        case "guided_backprop":
            return jnp.abs(guided_backprop(*about)).sum(-1), None
        case "occlusion":
            square = _square(images.shape[1])
            return occlusion(*about, *square, probabilities=classifier.probabilities), None
        case "attention_rollout":
            return attention_rollout(model, variables, inputs), None


def _stage(classifier: Classifier, images: np.ndarray) -> str:
    """The stage whose maps are read of these images, and its cells."""
    model = classifier.model
    inputs = jax.ShapeDtypeStruct(images.shape, jnp.float32)
    shapes = stages(model, classifier.variables, inputs)
    name = choose(None, shapes, type(model).__name__)
    rows, columns = shapes[name].shape[1:3]
    return f"{name} ({rows}x{columns})"


def _square(image_size: int) -> tuple[int, int]:
    """Side and stride of the occluding square, in pixels: about 13 by 13 of them."""
    return max(1, image_size // 4), max(1, image_size // 16)


UNITS = {
    "grad_cam": "Grad-CAM",
    "grad_cam_plus_plus": "Grad-CAM++",
    "score_cam": "Score-CAM",
    "smooth_grad": "absolute gradient, smoothed",
    "guided_backprop": "absolute guided gradient",
    "attention_rollout": "share of what is read",
}


def _heat_map(
    method: Method, values: np.ndarray, image_size: int, gap: float | None, stage: str | None
) -> HeatMap:
    whole = (0, image_size, image_size, 0)
    match method:
        case "integrated_gradients":
            return HeatMap(values, whole, signed=True, unit="logit", gap=gap)
        case "occlusion":
            # Each value is drawn in the middle of its square, as wide as squares are apart.
            size, stride = _square(image_size)
            first = (size - stride) / 2
            last = first + stride * len(values)
            edges = (first, last, last, first)
            return HeatMap(values, edges, signed=True, unit="probability lost when covered")
        case _:
            return HeatMap(values, whole, signed=False, unit=UNITS[method], stage=stage)
