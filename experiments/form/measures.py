"""Figures of a finished run that several experiments ask for."""

from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np

from experiments.form.claim import Measure, Run
from jaxcnn.data import dataset_spec
from jaxcnn.models import create_model
from jaxcnn.models.spec import init_variables
from jaxcnn.models.tools.macs import count_macs
from jaxcnn.recipe import model_overrides
from jaxcnn.run.folder import RunFolder
from jaxcnn.trained.subject import subject_of_run


def _of_split(split: str, figure: str, run: Run) -> float:
    return run.summary[split][figure]


def _of_last_epoch(figure: str, run: Run) -> float:
    return RunFolder(run.folder).read_metrics()[-1][figure]


TEST_TOP1 = Measure("test top-1 (fraction)", partial(_of_split, "test", "top1"))
VAL_TOP1 = Measure("validation top-1 (fraction)", partial(_of_split, "val", "top1"))


def _million_macs(run: Run) -> float:
    """Of one image's forward pass; convolutions and products alone."""
    recipe = RunFolder(run.folder).read_recipe()
    data = dataset_spec(recipe.dataset)
    model = create_model(recipe.arch, num_classes=data.num_classes, **model_overrides(recipe))
    size = recipe.image_size, recipe.image_size
    variables = jax.eval_shape(
        lambda: init_variables(model, jax.random.key(0), size, data.channels)
    )
    images = jax.ShapeDtypeStruct((1, *size, data.channels), jnp.float32)
    return count_macs(lambda v, x: model.apply(v, x, train=False), variables, images) / 1e6


@lru_cache(maxsize=1)
def test_logits(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Labels int [N] and logits [N, K] of the test split, by the checkpoint that was tested."""
    subject = subject_of_run(run.folder)
    evaluation = subject.evaluate(subject.load("test"))
    return evaluation.labels, evaluation.kept


# Of some training images as they are, by the network as it is at the end.
TRAIN_LOSS = Measure("training loss (nats an image)", partial(_of_last_epoch, "train_sample_loss"))
TRAIN_TOP1 = Measure("training top-1 (fraction)", partial(_of_last_epoch, "train_sample_top1"))
MACS = Measure("arithmetic (million MACs an image)", _million_macs, digits=2)
