"""How a data set's images come to a model in evaluation: one rule for runs and published weights.

Training, evaluation and prediction all take it from here, so that they show a model the same.
"""

from dataclasses import dataclass

from jaxcnn.data import DatasetSpec
from jaxcnn.data.augment.chains import Fit, eval_transforms
from jaxcnn.data.augment.transform import Transform
from jaxcnn.data.preprocessing import Channels, Interpolation, Preprocessing
from jaxcnn.engine.given import NOTHING, Given
from jaxcnn.models import model_spec
from jaxcnn.recipe import Recipe


@dataclass(frozen=True)
class ModelInput:
    """What images are brought to.

    Attributes:
        image_size: height and width in pixels.
        channels: of the model's input; grey images are repeated for a colour model.
        resize: how images come to that size: stretched, padded, or (photographs) a part of them.
        crop_fraction: crop: side of the centre over the photograph's shorter side.
        interpolation: crop: how the photograph is resized before.
        mean: per channel, or one for all, of images in [0, 1]; `std` likewise.
    """

    image_size: int
    channels: int
    resize: Fit
    crop_fraction: float
    interpolation: Interpolation
    mean: Channels
    std: Channels

    def transforms(self, data: DatasetSpec) -> tuple[Transform, ...]:
        """What brings the images of a set there. Raises DataError where that cannot be done."""
        return eval_transforms(
            data,
            image_size=self.image_size,
            channels=self.channels,
            resize=self.resize,
            crop_fraction=self.crop_fraction,
            interpolation=self.interpolation,
        )

    @property
    def preprocessing(self) -> Preprocessing:
        """As a set of weights states it, which are then to be used on such images."""
        return Preprocessing(
            self.mean, self.std, self.image_size, self.crop_fraction, self.interpolation
        )


def image_channels(recipe: Recipe, data: DatasetSpec, given: Given = NOTHING) -> int:
    """Channels of the images as the model gets them: grey ones are repeated for a colour model."""
    return max(data.channels, given.model_of(recipe).channels)


def input_of_run(
    recipe: Recipe,
    data: DatasetSpec,
    weights: Preprocessing | None = None,
    given: Given = NOTHING,
) -> ModelInput:
    """That of a run: as its recipe says, and where it says nothing as the weights ask for.

    `weights` is of the weights that the run starts from; without, the set's own mean and standard
    deviation count.
    """
    return _resolved(
        weights or Preprocessing(data.mean, data.std),
        data,
        image_size=recipe.eval_image_size or recipe.image_size,
        channels=image_channels(recipe, data, given),
        resize=recipe.resize,
        crop_fraction=recipe.eval_crop,
    )


def input_of_weights(
    arch: str, weights: Preprocessing, data: DatasetSpec, *, image_size: int | None = None
) -> ModelInput:
    """That of published weights: photographs come to them as in their own evaluation.

    Args:
        arch: the architecture that they are of.
        weights: what they ask for.
        data: the set.
        image_size: height and width in pixels; what the weights ask for if not given.
    """
    spec = model_spec(arch)
    return _resolved(
        weights,
        data,
        image_size=image_size or weights.image_size or spec.image_size,
        channels=spec.channels,
        resize="crop" if data.image_size is None else "interpolate",
        crop_fraction=None,
    )


def _resolved(
    weights: Preprocessing,
    data: DatasetSpec,
    *,
    image_size: int,
    channels: int,
    resize: Fit,
    crop_fraction: float | None,
) -> ModelInput:
    weights = weights.for_channels(channels, data.mean, data.std)
    return ModelInput(
        image_size=image_size,
        channels=channels,
        resize=resize,
        crop_fraction=crop_fraction or weights.crop_fraction,
        interpolation=weights.interpolation,
        mean=weights.mean,
        std=weights.std,
    )
