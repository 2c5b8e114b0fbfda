"""A network whose weights stay as they are, and the features it has of images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import jax
import numpy as np
from flax import linen as nn

from jaxcnn.data import DatasetSpec, Source, dataset_at, dataset_spec, with_labels
from jaxcnn.data.augment.resize import Resize
from jaxcnn.data.augment.transform import Transform
from jaxcnn.data.loader.pipeline import eval_batches, seconds_an_image
from jaxcnn.engine.feed import hands_of
from jaxcnn.engine.model_input import ModelInput, input_of_weights
from jaxcnn.errors import UserError
from jaxcnn.models import create_model, model_spec
from jaxcnn.models.spec import Variables
from jaxcnn.run.pretrained import read_pretrained
from jaxcnn.task.mixing import normalize
from jaxcnn.trained.classifier import classifier_of_run
from jaxcnn.trained.subject import Say, loading, subject_of_run
from jaxcnn.trained.tapped import POOLED, tapped
from jaxcnn.xla.gpu import on_gpu, with_float32_products

BATCH_SIZE = 50


@dataclass(frozen=True)
class Frozen:
    """A network with its weights, whatever its head tells apart, and the data that it is to see.

    Attributes:
        arch: the architecture's name.
        model: the network.
        variables: its weights.
        input: what images are brought to.
        data: the row of the data set, or of pictures like its.
        load: split -> its examples.
        is_own: split -> whether it is the one that the run kept for it.
    """

    arch: str
    model: nn.Module
    variables: Variables
    input: ModelInput
    data: DatasetSpec
    load: Callable[[str], Source]
    is_own: Callable[[str], bool]

    @property
    def picture_transforms(self) -> tuple[Transform, ...]:
        """What brings pictures of any size to the network."""
        transforms = self.input.transforms(self.data)
        return transforms if self.data.image_size is None else (
            Resize(self.data.image_size), *transforms
        )  # fmt: skip

    def features(
        self,
        source: Source,
        *,
        stage: str = POOLED,
        transforms: Sequence[Transform] | None = None,
        tell: Callable[[int], object] = lambda images: None,
    ) -> np.ndarray:
        """float32 [N, C] of all of a source, in order.

        Args:
            source: the examples.
            stage: a tap, see `tapped`.
            transforms: those of the data set's images if not given.
            tell: is called with how many images more are done.

        Raises UserError for a stage that the network does not have.
        """
        if transforms is None:
            transforms = self.input.transforms(self.data)
        hands = hands_of(
            model_spec(self.arch),
            self.input.image_size,
            len(source),
            lambda: seconds_an_image(source, transforms),
        )
        batches = eval_batches(
            source,
            transforms,
            batch_size=BATCH_SIZE,
            num_workers=hands.workers,
            num_threads=hands.threads,
        )
        compute = partial(_features, self.model, self.input, stage)
        if on_gpu(jax.devices()):
            compute = with_float32_products(compute)
        compute = jax.jit(compute)
        found = []
        for batch in batches:
            real = int(batch["weight"].sum())
            found.append(np.asarray(compute(self.variables, batch["image"]))[:real])
            tell(real)
        return np.concatenate(found)


def _features(
    model: nn.Module, model_input: ModelInput, stage: str, variables: Variables, images: jax.Array
) -> jax.Array:
    return tapped(model, variables, normalize(images, model_input.mean, model_input.std), stage)


def frozen_run(
    workdir: str, *, data_dir: str | None = None, labels: str | None = None, say: Say
) -> Frozen:
    """A run's best checkpoint with its data; arguments and errors are those of `subject_of_run`."""
    subject = subject_of_run(workdir, data_dir=data_dir, labels=labels, say=say)
    return Frozen(
        subject.arch,
        subject.model,
        subject.variables,
        subject.input,
        subject.data,
        subject.load,
        subject.is_own,
    )


def frozen_run_for_pictures(workdir: str, *, say: Say) -> Frozen:
    """A run's best checkpoint for pictures alone: its data need not be there."""
    found = classifier_of_run(workdir, say=say)
    return Frozen(
        found.arch, found.model, found.variables, found.input, found.data, _no_split, _not_own
    )


def frozen_weights(
    arch: str,
    source: str,
    *,
    dataset: str,
    data_dir: str | None = None,
    labels: str | None = None,
    image_size: int | None = None,
    pictures: bool = False,
    say: Say,
) -> Frozen:
    """Published weights on a data set that may have other classes than they tell apart, or none.

    Arguments are those of `published_subject`; with `pictures` nothing is looked for in `data_dir`.
    Raises UserError where weights and model do not fit each other, or the data is not there.
    """
    pretrained = read_pretrained(arch, source)
    for note in pretrained.notes:
        say(note)
    place = with_labels(dataset, data_dir, labels)
    data = dataset_spec(dataset) if pictures else dataset_at(dataset, place)
    return Frozen(
        pretrained.arch,
        create_model(pretrained.arch, num_classes=pretrained.num_classes, **pretrained.overrides),
        jax.device_put(pretrained.variables),
        input_of_weights(pretrained.arch, pretrained.preprocessing, data, image_size=image_size),
        data,
        _no_split if pictures else loading(data, place, say),
        _not_own,
    )


def _no_split(split: str) -> Source:
    raise UserError(f"pictures have no {split} split")


def _not_own(split: str) -> bool:
    return False
