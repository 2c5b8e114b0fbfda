"""A network that tells pictures apart: a run's, or published weights."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar, get_args

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcnn.data import DatasetSpec, dataset_at, dataset_spec, with_labels
from jaxcnn.data.augment.resize import Resize
from jaxcnn.data.augment.transform import Transform
from jaxcnn.data.imagenet_classes import imagenet_classes
from jaxcnn.data.loader.pipeline import eval_batches
from jaxcnn.data.loader.workers import usable_cores
from jaxcnn.data.preprocessing import Preprocessing
from jaxcnn.discovery import look_up
from jaxcnn.engine.given import NOTHING, Given, OwnTask
from jaxcnn.engine.model_input import ModelInput, input_of_weights
from jaxcnn.engine.step import mean_of_mirrored
from jaxcnn.errors import UserError
from jaxcnn.models import model_spec
from jaxcnn.models.own import spec_of_module
from jaxcnn.models.spec import Variables
from jaxcnn.recipe import Recipe, compute_dtype
from jaxcnn.run import known_again
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
from jaxcnn.trained.given import GivenPictures, listed
from jaxcnn.trained.heat import heat
from jaxcnn.trained.methods import Method
from jaxcnn.trained.tapped import POOLED, tapped
from jaxcnn.xla.gpu import on_gpu, with_float32_products

Say = Callable[[str], None]
T = TypeVar("T")

# Pictures that are computed at once. Fewer fill up the next: one program serves whatever number
# there is of each, and a single picture need not wait for 32.
BATCHES = (1, 8, 32)


@dataclass(frozen=True)
class Classifier:
    """A model with its weights, and what brings pictures to it.

        clf = jaxcnn.load("runs/resnet20-cifar10-s0")
        clf("cat.jpg")        # float32 [1, 10]
        clf.top(images, k=3)  # [[("cat", 0.93), ("dog", 0.05), ("frog", 0.01)], ...]

    Pictures are given as a path, a folder, a Pillow image, an array uint8 [H, W, C] or [N, H, W, C]
    (0 to 255; red, green, blue, or grey) of any size, or a list of these, and come to the model as
    in the run's evaluation.

    Attributes:
        arch: the architecture's name.
        num_classes: that it tells apart.
        model: the network.
        variables: its weights.
        input: what images are brought to.
        data: what its images are: those of this set, or pictures like them.
        transforms: what is done to a picture, of any size, as it is read from its file.
        flip: whether its mirror image has a say too, as in the run's evaluation.
        task: what makes probabilities of outputs, where that is a program's own.
    """

    arch: str
    num_classes: int
    model: nn.Module
    variables: Variables
    input: ModelInput
    data: DatasetSpec
    transforms: tuple[Transform, ...]
    flip: bool = False
    task: OwnTask | None = None

    def __call__(self, pictures: Any) -> np.ndarray:
        """Probabilities, float32 [N, K]: of one class for each picture, or of each on its own.

        Raises UserError for what is no picture, naming it.
        """
        return self._in_batches(pictures, self.probabilities_of)

    def top(self, pictures: Any, k: int = 5) -> list[list[tuple[str, float]]]:
        """Of each picture the `k` most probable classes, or all if they are fewer.

        Names with probabilities; numbers for names where these are not known.
        """
        if k < 1:
            raise UserError(f"k = {k} is out of range; it must be above 0")
        names = self.class_names
        return [
            [(names[index] if names else str(index), float(row[index])) for index in order]
            for row in self(pictures)
            for order in [np.argsort(-row, kind="stable")[:k].tolist()]
        ]

    def features(self, pictures: Any, stage: str = POOLED) -> np.ndarray:
        """float32 [N, C] at a tap of `jaxcnn.features`: what the head reads, if not given.

        Of a map the mean over its positions. Raises UserError for a stage that is not there.
        """
        return self._in_batches(pictures, partial(self.features_of, stage))

    def explain(
        self,
        pictures: Any,
        method: Method = "grad_cam",
        classes: int | str | Sequence[int | str] | None = None,
    ) -> np.ndarray:
        """What spoke for a class, float32 [N, H', W'], one number for a place.

        H' and W' are those of the model's input; of occlusion the number of covering squares.
        Integrated gradients and occlusion have signs.

        Args:
            pictures: as of all.
            method: one of those of `--explain`.
            classes: by number or name, one for all pictures or one for each; the most probable of
                each if not given.

        Raises UserError where the model cannot be explained that way, or has no such class.
        """
        if method not in get_args(Method):
            raise UserError(f"no method {method!r}; there are {', '.join(get_args(Method))}")
        listed_pictures = listed(pictures)
        number = len(listed_pictures)
        wanted = None if classes is None else self._numbers(classes, number)
        found, begin = [], 0
        for images, real in self._batches(listed_pictures):
            if wanted is None:
                of_batch = np.asarray(self.probabilities_of(self.variables, images)).argmax(-1)
            else:
                of_batch = np.zeros(len(images), np.int32)
                of_batch[:real] = wanted[begin : begin + real]
            begin += real
            values, _ = self.heat_of(method, self.variables, images, of_batch)
            found.append(np.asarray(values[:real], np.float32))
        return np.concatenate(found)

    def _numbers(self, classes: int | str | Sequence[int | str], pictures: int) -> np.ndarray:
        """int32 [pictures]."""
        asked = [classes] if isinstance(classes, int | str | np.integer) else list(classes)
        if len(asked) not in (1, pictures):
            raise UserError(
                f"there are {len(asked)} classes for {pictures} pictures; give one, or one for each"
            )
        numbers = [self._number(one) for one in asked]
        return np.broadcast_to(np.array(numbers, np.int32), pictures)

    def _number(self, one: int | str) -> int:
        if isinstance(one, str):
            return look_up({name: k for k, name in enumerate(self.class_names or ())}, one, "class")
        if not 0 <= one < self.num_classes:
            raise UserError(f"there is no class {one}; they go from 0 to {self.num_classes - 1}")
        return int(one)

    def _in_batches(
        self, pictures: Any, compute: Callable[[Variables, np.ndarray], jax.Array]
    ) -> np.ndarray:
        found = [
            np.asarray(compute(self.variables, images))[:real]
            for images, real in self._batches(listed(pictures))
        ]
        return np.concatenate(found)

    def _batches(self, pictures: Sequence[Any]) -> Iterator[tuple[np.ndarray, int]]:
        """uint8 [B, H, W, C], B one of `BATCHES`, and how many of it are pictures."""
        source = GivenPictures(pictures, channels=self.data.channels, transforms=self.transforms)
        if len(source) > BATCHES[-1]:
            threads = usable_cores()
            for batch in eval_batches(source, (), batch_size=BATCHES[-1], num_threads=threads):
                yield batch["image"], int(batch["weight"].sum())
            return
        # Without a pipeline, which takes longer to set up than a small network to compute.
        images = np.stack([source[index]["image"] for index in range(len(source))])
        rows = next(size for size in BATCHES if size >= len(images))
        yield np.pad(images, [(0, rows - len(images)), (0, 0), (0, 0), (0, 0)]), len(images)

    def probabilities(self, logits: jax.Array) -> jax.Array:
        """[N, K] -> [N, K]: of one class for each image, or of each class on its own."""
        of_data = task_of(self.data, self.preprocessing)
        return Given(task=self.task).task_of(of_data).probabilities(logits)

    @property
    def preprocessing(self) -> Preprocessing:
        """The mean and standard deviation that images are normalised by, and their size."""
        return self.input.preprocessing

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
    def features_of(self) -> Callable[[str, Variables, np.ndarray], jax.Array]:
        """Compiled: (stage, variables, uint8 [N, H, W, C]) -> [N, C]."""
        return jax.jit(_precise(partial(_features, self)), static_argnums=0)

    @cached_property
    def heat_of(
        self,
    ) -> Callable[[Method, Variables, np.ndarray, np.ndarray], tuple[jax.Array, jax.Array | None]]:
        """Compiled: (method, variables, uint8 [N, H, W, C], classes [N]) -> [N, H', W'], and of
        integrated gradients the gaps [N]."""
        return jax.jit(_precise(partial(_heat, self)), static_argnums=0)


def classifier_of_run(
    workdir: str | Path,
    *,
    data_dir: str | None = None,
    model: Any = None,
    task: OwnTask | None = None,
    say: Say = lambda line: None,
) -> Classifier:
    """The best checkpoint of a run by validation, which pictures come to as in its evaluation.

    A set of images of one size has pictures of any other size stretched to it first.

    Args:
        workdir: the run's folder.
        data_dir: for a run that keeps no names of its classes (an earlier version's): an image
            folder that has them; where the run had it if not given.
        model: of a run that a program gave its network, that.
        task: of a run that a program gave a task of its own class, that.
        say: is told where names are not known, or the folder not needed.

    Raises UserError if the folder holds no run or no finished epoch, or is of a network or a task
    that has to be given.
    """
    folder = RunFolder(workdir)
    recipe = folder.read_recipe()
    given = _given_again(folder, recipe, model, task, say)
    if data_dir is not None and folder.read_data() is not None:
        say(f"{folder.path} knows its classes' names; --data-dir={data_dir} is not looked at")
    elif data_dir is not None:
        dataset_at(recipe.dataset, data_dir)  # Raises where it is not there.
        recipe = replace(recipe, data_dir=data_dir, labels=None)
    data, model_input = learned_from(folder, recipe, say)
    pretrained = read_pretrained(recipe.arch, str(workdir), given)
    for note in pretrained.notes:
        say(note)
    dtype = jnp.dtype(compute_dtype(recipe))
    return _classifier(pretrained, data, model_input, dtype, flip=recipe.eval_flip, given=given)


def _given_again(
    folder: RunFolder, recipe: Recipe, model: Any, task: OwnTask | None, say: Say
) -> Given:
    """What a program gave the run and is needed for pictures. Raises UserError as above."""
    kept = folder.read_data()
    before = {} if kept is None else kept.given
    if model is not None and "model" not in before:
        raise UserError(f"{folder.path} is a run of {recipe.arch}, jaxcnn's own; leave model out")
    of_task = before.get("task")
    if task is None and of_task is not None and not of_task.shows.startswith("jaxcnn."):
        raise UserError(
            f"{folder.path} is a run with a task of its own, {of_task.shows}; give task=... too"
        )
    if model is None:
        return Given(task=task)
    assert kept is not None, "it has the model"
    now = known_again.known(model)
    if different := known_again.differences({"model": before["model"]}, {"model": now}):
        raise UserError(f"{folder.path} is a run of another model ({'; '.join(different)})")
    for line in known_again.changed({"model": before["model"]}, {"model": now}):
        say(line)
    size, channels = kept.input.image_size, kept.input.channels
    return Given(spec_of_module(model, image_size=size, channels=channels), task=task)


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
    given: Given = NOTHING,
) -> Classifier:
    if data.class_names:
        check_classes(pretrained, data)
    transforms = model_input.transforms(data)
    if data.image_size is not None:
        transforms = (Resize(data.image_size), *transforms)
    row = given.model or model_spec(pretrained.arch)
    model = row.make(num_classes=pretrained.num_classes, dtype=dtype, **pretrained.overrides)
    variables = jax.device_put(pretrained.variables)
    return Classifier(
        pretrained.arch,
        pretrained.num_classes,
        model,
        variables,
        model_input,
        data,
        transforms,
        flip,
        given.task,
    )


def _precise(function: Callable[..., T]) -> Callable[..., T]:
    return with_float32_products(function) if on_gpu(jax.devices()) else function


def _normalized(classifier: Classifier, images: jax.Array) -> jax.Array:
    return normalize(images, classifier.input.mean, classifier.input.std)


def _probabilities(classifier: Classifier, variables: Variables, images: jax.Array) -> jax.Array:
    model, images = classifier.model, _normalized(classifier, images)
    outputs = mean_of_mirrored(model) if classifier.flip else partial(model.apply, train=False)
    logits: Any = outputs(variables, images)
    return classifier.probabilities(logits)


def _features(
    classifier: Classifier, stage: str, variables: Variables, images: jax.Array
) -> jax.Array:
    return tapped(classifier.model, variables, _normalized(classifier, images), stage)


def _heat(
    classifier: Classifier,
    method: Method,
    variables: Variables,
    images: jax.Array,
    classes: jax.Array,
) -> tuple[jax.Array, jax.Array | None]:
    inputs = _normalized(classifier, images)
    return heat(method, classifier.model, variables, inputs, classes, classifier.probabilities)
