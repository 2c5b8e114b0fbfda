"""A recipe's data: its splits, and the batches that training and evaluation take of them."""

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import cached_property

import jax
import numpy as np
from absl import flags

from jaxcnn.data import Source, load_split
from jaxcnn.data.augment.chains import train_transforms
from jaxcnn.data.augment.progressive import Stages, growing
from jaxcnn.data.augment.transform import Transform, transform_example
from jaxcnn.data.balance import (
    class_counts,
    effective_number_weights,
    inverse_frequency_weights,
)
from jaxcnn.data.loader.drawn import DrawnBatches
from jaxcnn.data.loader.pipeline import (
    HostSeconds,
    eval_batches,
    process_rows,
    seconds_an_image,
    steps_per_epoch,
    train_batches,
    train_order,
)
from jaxcnn.data.loader.workers import Hands, choose_hands, step_seconds_an_image, usable_cores
from jaxcnn.data.preprocessing import Preprocessing
from jaxcnn.data.sources.readable import find_unreadable, leave_out
from jaxcnn.data.spec import Subset
from jaxcnn.engine.given import NOTHING, Given
from jaxcnn.engine.model_input import input_of_run
from jaxcnn.engine.resident import Resident, resident_or_why_not, steps_at_once
from jaxcnn.errors import UserError
from jaxcnn.models.spec import ModelSpec
from jaxcnn.models.tools.size_and_work import gmacs_of_row
from jaxcnn.recipe import Recipe, data_place
from jaxcnn.task.of_data import check_task

# Of the training images, to be measured as validation is: a curve that tells what is learned by
# heart needs no more, and an epoch hardly takes longer.
MOST_SAMPLED = 256


def readable(recipe: Recipe, source: Source) -> tuple[Source, list[str]]:
    """The source as the recipe takes it, and why examples were left out, if it says to skip them.

    Every image is read for that: before the run and not during it, so that an epoch's examples and
    an evaluation's count are known, and a resumed run goes on with the same ones.
    """
    if recipe.on_error == "raise":
        return source, []
    unreadable = find_unreadable(source)
    return leave_out(source, unreadable), [example.reason for example in unreadable]


def hands_for(
    recipe: Recipe, images: int, host_seconds: Callable[[], float], given: Given = NOTHING
) -> Hands:
    """The recipe's workers, or what is to prepare this process's share of so many images.

    `host_seconds` measures what preparing one takes a core.
    """
    if recipe.workers != "auto":
        return Hands(recipe.workers)
    return hands_of(given.model_of(recipe), recipe.image_size, images, host_seconds)


def hands_of(
    model: ModelSpec, image_size: int, images: int, host_seconds: Callable[[], float]
) -> Hands:
    """What is to prepare this process's share of so many images for a network.

    `image_size` is that of its input, pixels; `host_seconds` as for `hands_for`.
    """
    enlarged = (image_size / model.image_size) ** 2
    cores = usable_cores()
    step_seconds = step_seconds_an_image(
        gmacs_of_row(model) * enlarged,
        platform=jax.default_backend(),
        cores=cores,
        accelerators=jax.local_device_count(),
    )
    return choose_hands(
        images // jax.process_count(),
        host_seconds=host_seconds(),
        step_seconds=step_seconds,
        cores=cores,
        # Grain's workers need absl's flags to be parsed, and Python's a main module that can be
        # imported again. Our command lines see to both; of another program we cannot know.
        may_start_processes=flags.FLAGS.is_parsed(),
    )


def in_order(
    recipe: Recipe,
    source: Source,
    transforms: Sequence[Transform],
    hands: Hands,
    *,
    shared: bool = True,
) -> Iterator[dict[str, np.ndarray]]:
    """All of a source in order, in batches for evaluation; shared among processes, or all here."""
    return eval_batches(
        source,
        transforms,
        batch_size=recipe.batch_size,
        num_workers=hands.workers,
        num_threads=hands.threads,
        **(share_of_process() if shared else {}),
    )


def share_of_process() -> dict[str, int]:
    """Which rows of each batch the pipeline is to read: those that this process's devices take."""
    return {"process_index": jax.process_index(), "process_count": jax.process_count()}


class Feed:
    """Training and validation split, loaded; no test image is read before it is asked for.

    `preprocessing` is that of the weights the run starts from; without, the data set's own mean
    and standard deviation count. `given` is what the program gave the run. `input` is what images
    are brought to in evaluation. `left_out` has, by split, why examples were left out of it: those
    that cannot be read, where the recipe says to skip them.

    Raises UserError where the data is missing or the recipe's values do not fit it.
    """

    def __init__(
        self,
        recipe: Recipe,
        preprocessing: Preprocessing | None = None,
        given: Given = NOTHING,
    ) -> None:
        self.recipe = recipe
        self.given = given
        self.spec = given.data_of(recipe)
        check_task(recipe, self.spec)
        self.input = input_of_run(recipe, self.spec, preprocessing, given)
        self._eval_transforms = self.input.transforms(self.spec)
        self._stored: dict[str, Source] = {}
        self.left_out: dict[str, list[str]] = {}
        self.train = self._load("train")
        self.val = self._load("val")
        self.steps_per_epoch = steps_per_epoch(
            len(self.train), recipe.batch_size, recipe.augment.repeats
        )
        self.total_steps = recipe.steps or recipe.epochs * self.steps_per_epoch
        smallest = recipe.augment.progressive_size or recipe.image_size
        self.stages = Stages(
            growing(smallest, recipe.image_size, recipe.augment.progressive_stages),
            self.total_steps,
        )
        # Now, so that what does not fit is said before the run.
        self._train_transforms = {size: self._augmented(size) for size in self.stages.sizes}
        if given.transforms:
            self._try_transforms()

    def _try_transforms(self) -> None:
        """Does them once: what a program's own raise is the program's, with its traceback."""
        rng = np.random.default_rng(0)
        transform_example(self.train[0], self._train_transforms[self.stages.sizes[-1]], rng)

    @cached_property
    def test(self) -> Source:
        return self._load("test")

    @cached_property
    def train_sample(self) -> Source:
        """Training images from all of the split, the same at every start."""
        count = min(MOST_SAMPLED, len(self.train))
        return Subset(self.train, np.linspace(0, len(self.train) - 1, count).round().astype(int))

    @cached_property
    def class_weights(self) -> np.ndarray | None:
        """Of the training loss, float [num_classes]; None where all classes weigh the same."""
        if self.recipe.class_weights == "none":
            return None
        counts = class_counts(self.train.labels, self.spec.num_classes)
        if self.recipe.class_weights == "balanced":
            return inverse_frequency_weights(counts)
        return effective_number_weights(counts)

    @property
    def hands(self) -> Hands:
        """What prepares the training batches."""
        return self._hands_for(self.total_steps * self.recipe.batch_size)

    @cached_property
    def steps_at_once(self) -> int:
        """Steps that a dispatch has at most, where the training set lies on the devices."""
        return steps_at_once(self.recipe, jax.default_backend(), self.given)

    @cached_property
    def resident(self) -> Resident | None:
        """The training set as it lies on the devices; None where the host prepares its batches.

        Raises UserError where the recipe wants it there and it cannot be.
        """
        recipe, wanted = self.recipe, self.recipe.data_on_device
        # A CPU that computes a step for long loses nothing by preparing the next one meanwhile.
        long_steps = jax.default_backend() == "cpu" and self.steps_at_once == 1
        if wanted == "no" or (wanted == "auto" and long_steps):
            return None
        transforms = self._train_transforms[self.stages.sizes[-1]]
        there = resident_or_why_not(recipe, transforms, len(self.train), self.input.channels)
        if isinstance(there, Resident):
            return there
        if wanted == "yes":
            raise UserError(f"--data-on-device=yes: {there}; leave --data-on-device out")
        return None

    def decoded(self) -> dict[str, np.ndarray]:
        """The training set as `resident` has it: image uint8 [N, H, W, C], label."""
        assert self.resident is not None, "the host prepares batches"
        hands = self._hands_for(len(self.train))
        batches = in_order(self.recipe, self.train, self.resident.fixed, hands, shared=False)
        parts = [
            {name: part[batch["weight"] > 0] for name, part in batch.items() if name != "weight"}
            for batch in batches
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def first_images(self, most: int) -> np.ndarray:
        """The first training images as the model takes them in evaluation, in stored order.

        So many, or all there are: float32 [N, H, W, C], normalised.
        """
        indices = np.arange(min(most, len(self.train)))
        source = Subset(self.train, indices)
        hands = self._hands_for(len(source))
        batches = in_order(self.recipe, source, self._eval_transforms, hands, shared=False)
        images = np.concatenate([batch["image"][batch["weight"] > 0] for batch in batches])
        mean, std = (np.asarray(each, np.float32) for each in (self.input.mean, self.input.std))
        return (images.astype(np.float32) / 255 - mean) / std

    def augmented_examples(self, most: int) -> dict[str, np.ndarray]:
        """A batch of at most so many training images as a step gets them, of the first epoch."""
        return next(
            train_batches(
                self.train,
                self._train_transforms[self.stages.sizes[-1]],
                batch_size=min(most, len(self.train)),
                seed=self.recipe.seed,
                start_step=0,
                stop_step=1,
                num_threads=2,
            )
        )

    def draw(self) -> DrawnBatches:
        """What this process's rows of the batches of `resident` are told by."""
        assert self.resident is not None, "the host prepares batches"
        recipe = self.recipe
        order = train_order(
            self.train,
            recipe.batch_size,
            recipe.seed,
            repeats=recipe.augment.repeats,
            sampling=recipe.sampling,
        )
        size = recipe.image_size, recipe.image_size
        rows = process_rows(recipe.batch_size, **share_of_process())
        return DrawnBatches(order, self.resident.drawn, size, rows)

    def _hands_for(self, images: int) -> Hands:
        return hands_for(self.recipe, images, lambda: self.seconds_an_image, self.given)

    @cached_property
    def seconds_an_image(self) -> float:
        """What preparing an image for training takes a core of this host, measured."""
        return seconds_an_image(self.train, self._train_transforms[self.stages.sizes[-1]])

    def stored(self, split: str) -> Source:
        """A split with what cannot be read among it. No image is read."""
        if split not in self._stored:
            self._stored[split] = load_split(self.spec, split, data_place(self.recipe))
        return self._stored[split]

    def _load(self, split: str) -> Source:
        source, reasons = readable(self.recipe, self.stored(split))
        if reasons:
            self.left_out[split] = reasons
        return source

    def _augmented(self, image_size: int) -> tuple[Transform, ...]:
        of_recipe = train_transforms(
            self.spec,
            self.recipe.augment,
            image_size=image_size,
            channels=self.input.channels,
            resize=self.recipe.resize,
            normalisation=(self.input.mean, self.input.std),
        )
        return (*of_recipe, *self.given.transforms)

    def train_batches(
        self,
        start_step: int,
        stop_step: int,
        tell: Callable[[HostSeconds], object] = lambda seconds: None,
    ) -> Generator[dict[str, np.ndarray]]:
        """Batches start_step <= k < stop_step; where images grow, stage after stage.

        `tell` is called with what each batch took, just before the batch is given.
        """
        hands = self.hands
        for size, start, stop in self.stages.between(start_step, stop_step):
            yield from train_batches(
                self.train,
                self._train_transforms[size],
                batch_size=self.recipe.batch_size,
                seed=self.recipe.seed,
                start_step=start,
                stop_step=stop,
                repeats=self.recipe.augment.repeats,
                sampling=self.recipe.sampling,
                tell=tell,
                num_workers=hands.workers,
                num_threads=hands.threads,
                **share_of_process(),
            )

    def eval_batches(self, split: str) -> Iterator[dict[str, np.ndarray]]:
        """All of a split in order: "train", "val" or "test"; or "train_sample"."""
        source: Source = getattr(self, split)
        return in_order(self.recipe, source, self._eval_transforms, self._hands_for(len(source)))
