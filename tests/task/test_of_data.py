"""A data set's task, and one of another kind: nothing but the task knows what is learned."""

from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from jaxcnn.data import dataset_spec
from jaxcnn.data.preprocessing import IMAGENET
from jaxcnn.engine.evaluate import eval_step_of, evaluate
from jaxcnn.engine.mesh import batch_sharding, make_mesh
from jaxcnn.engine.state import eval_variables, init_state
from jaxcnn.engine.step import make_train_step
from jaxcnn.errors import UserError
from jaxcnn.recipe import Augment, Mesh, Recipe
from jaxcnn.task.classification import Classification
from jaxcnn.task.multi_label import MultiLabel
from jaxcnn.task.of_data import task_of, training_task_of

COCO, MNIST = dataset_spec("coco"), dataset_spec("mnist")
LOGITS = jnp.array([[2.0, -1.0, 0.0]])


def test_the_data_sets_say_which_task_is_theirs():
    assert isinstance(task_of(COCO, IMAGENET), MultiLabel)
    assert isinstance(task_of(MNIST, IMAGENET), Classification)


@pytest.mark.parametrize(("data", "total"), [(MNIST, 1.0), (COCO, None)])
def test_probabilities_of_one_class_sum_to_1_and_of_several_are_each_classs_own(data, total):
    shown = task_of(replace(data, num_classes=3), IMAGENET).probabilities(LOGITS)
    expected = jax.nn.softmax(LOGITS) if total else jax.nn.sigmoid(LOGITS)
    np.testing.assert_allclose(shown, expected)


@pytest.mark.parametrize(
    "change", [{"loss": "bce"}, {"sampling": "balanced"}, {"class_weights": "balanced"}]
)
def test_what_takes_one_class_an_image_is_refused_where_there_are_several(change):
    recipe = Recipe("resnet18", "coco", **change)
    with pytest.raises(UserError, match="take.? one class an image; coco has several"):
        training_task_of(recipe, COCO, IMAGENET)
    training_task_of(replace(recipe, dataset="mnist"), MNIST, IMAGENET)


def test_mirror_images_are_not_evaluated_where_they_are_of_another_class():
    recipe = Recipe("lenet5", "mnist", eval_flip=True)
    with pytest.raises(UserError, match="--eval-flip mirrors images, which changes the label of m"):
        training_task_of(recipe, MNIST, IMAGENET)
    training_task_of(replace(recipe, dataset="cifar10"), dataset_spec("cifar10"), IMAGENET)


@pytest.mark.parametrize(("mixup", "divided"), [(0.0, True), (0.2, False)])
def test_a_batch_is_divided_by_its_class_weights_unless_its_targets_are_shares(mixup, divided):
    """As PyTorch's CrossEntropyLoss, which takes the mean over the examples of mixed targets."""
    weights = np.linspace(0.5, 1.5, 10)
    recipe = Recipe("lenet5", "mnist", class_weights="balanced", augment=Augment(mixup=mixup))
    task = training_task_of(recipe, MNIST, IMAGENET, weights)
    assert (task.class_weights is weights) == divided
    one = jax.nn.one_hot(jnp.array([0, 9]), 10)
    ratio = task.train_loss(jnp.zeros((2, 10)), one) / task.eval_loss(jnp.zeros((2, 10)), one)
    np.testing.assert_allclose(ratio, [0.5, 1.5], rtol=1e-5)


def test_evaluation_is_of_the_plain_loss_whatever_training_adds():
    augment = Augment(label_smoothing=0.1, mixup=0.2)
    trained = training_task_of(Recipe("lenet5", "mnist", augment=augment), MNIST, IMAGENET)
    targets = jax.nn.one_hot(jnp.array([1]), 3)
    assert trained.train_loss(LOGITS, targets) != trained.eval_loss(LOGITS, targets)
    np.testing.assert_array_equal(
        trained.eval_loss(LOGITS, targets), task_of(MNIST, IMAGENET).eval_loss(LOGITS, targets)
    )


class Corners(NamedTuple):
    low: jax.Array  # [N, 2]
    high: jax.Array  # [N, 2]


@dataclass(frozen=True)
class Overlap:
    """How well boxes lie: the mean intersection over union."""

    sum_names: tuple[str, ...] = ("loss", "overlap", "n")
    batch_figures: tuple[str, ...] = ("overlap",)
    figures: tuple[str, ...] = ("overlap",)

    def batch_sums(self, losses, logits, labels, weight):
        area = lambda low, high: jnp.prod(jnp.maximum(high - low, 0), -1)  # noqa: E731
        low, high = logits[:, :2], logits[:, 2:]
        both = area(jnp.maximum(low, labels.low), jnp.minimum(high, labels.high))
        union = area(low, high) + area(labels.low, labels.high) - both
        return {
            "loss": jnp.sum(losses * weight),
            "overlap": jnp.sum(both / jnp.maximum(union, 1e-6) * weight),
            "n": jnp.sum(weight),
        }

    def outputs(self, logits):
        return logits

    def summarize(self, sums):
        return {name: sums[name] / sums["n"] for name in ("loss", "overlap")} | {"n": sums["n"]}

    def evaluated(self, sums, labels, outputs):
        assert len(labels.low) == len(labels.high) == len(outputs) == sums["n"]
        return self.summarize(sums)


@dataclass(frozen=True, eq=False)
class Boxes:
    """Where the one bright rectangle of an image lies; as far from a class as a task can be."""

    num_outputs: int = 4
    class_weights: None = None
    metrics: Overlap = Overlap()

    def train_loss(self, outputs, targets):
        return optax.l2_loss(outputs, targets).sum(-1)

    eval_loss = train_loss

    def labels_like(self, batch_size):
        corner = jax.ShapeDtypeStruct((batch_size, 2), jnp.float32)
        return {"low": corner, "high": corner}

    def labels(self, batch):
        return Corners(batch["low"], batch["high"])

    def prepare_eval(self, key, batch):
        images = batch["image"].astype(jnp.float32) / 255
        return images, jnp.concatenate(self.labels(batch), axis=-1)

    prepare_train = prepare_eval

    def probabilities(self, outputs):
        return outputs


class Positions(nn.Module):
    @nn.compact
    def __call__(self, images, *, train=False):
        return nn.Dense(4)(images.mean(3).reshape(len(images), -1))


def rectangles(count, rng):
    low = rng.integers(0, 4, size=(count, 2))
    high = rng.integers(4, 8, size=(count, 2)) + 1
    images = np.zeros((count, 8, 8, 1), np.uint8)
    for image, (top, left), (bottom, right) in zip(images, low, high, strict=True):
        image[top:bottom, left:right] = 255
    return {"image": images, "low": low / 8, "high": high / 8}


@pytest.mark.parametrize("accumulate_steps", [1, 2])
def test_boxes_are_learned_by_the_same_step_and_evaluation_as_classes(accumulate_steps):
    task, model, rng = Boxes(), Positions(), np.random.default_rng(0)
    step = make_train_step(
        model,
        optax.adam(0.01),
        task.train_loss,
        prepare=task.prepare_train,
        labels=task.labels,
        metrics=task.metrics,
        accumulate_steps=accumulate_steps,
    )
    state = init_state(model, optax.adam(0.01), jax.random.key(0), image_size=(8, 8), channels=1)
    rows = batch_sharding(make_mesh(Mesh(data=1)))
    held_out = [rectangles(32, rng) | {"weight": np.r_[np.ones(20), np.zeros(12)]}]
    measure = partial(evaluate, jax.jit(eval_step_of(model, task)), rows, task=task)
    before = measure(eval_variables(state), held_out).figures
    step = jax.jit(step)
    for _ in range(200):
        state, _ = step(state, rectangles(64, rng), jax.random.key(1))
    after = measure(eval_variables(state), held_out).figures
    assert before["n"] == after["n"] == 20
    assert before["overlap"] < 0.4 < 0.8 < after["overlap"]
