"""Do GoogLeNet's auxiliary heads help, and how do gradients at early layers fall with depth?

    python -m experiments.auxiliary_heads --data-dir=DIR

Inception modules without normalisation, as in 2014, three and nine of them, with and without a head
halfway. The answer is in experiments/RESULTS.md.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from experiments.form import command, drawing, small_cifar10
from experiments.form.claim import Asked, Claim, Measure, Part, Run, compared
from experiments.form.measures import TEST_TOP1, TRAIN_LOSS, VAL_TOP1
from experiments.form.small_resnet import BASE
from experiments.form.table import Table
from jaxcnn.data import dataset_spec, load_split
from jaxcnn.layers.conv import Conv
from jaxcnn.layers.dense import Dense
from jaxcnn.layers.head import head
from jaxcnn.models import create_model, register_model
from jaxcnn.models.spec import init_variables
from jaxcnn.ops.pool import max_pool
from jaxcnn.recipe import Optim, model_overrides, with_model
from jaxcnn.run.folder import RunFolder
from jaxcnn.task.losses import AUX_WEIGHT

# Caffe's "xavier", which its published network has.
glorot = nn.initializers.glorot_uniform()


class Inception(nn.Module):
    """1x1, 3x3, 5x5 and pooling beside each other: 40 maps."""

    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        def unit(features: int, side: int, name: str, x: jax.Array) -> jax.Array:
            conv = Conv(features, (side, side), kernel_init=glorot, dtype=self.dtype, name=name)
            return nn.relu(conv(x))

        pooled = max_pool(x, 3, 1, 1)
        branches = [
            unit(8, 1, "conv1x1", x),
            unit(16, 3, "conv3x3", unit(8, 1, "reduce3x3", x)),
            unit(8, 5, "conv5x5", unit(4, 1, "reduce5x5", x)),
            unit(8, 1, "project", pooled),
        ]
        return jnp.concatenate(branches, axis=-1)


@register_model("small_inception", image_size=16)
class SmallInception(nn.Module):
    """A convolution that strides, `modules` of them, with a pooling in their middle, mean, head.

    `auxiliary`: a head where the pooling is, whose loss training adds (section 5).
    """

    num_classes: int
    modules: int = 3
    auxiliary: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        conv = Conv(40, (3, 3), 2, kernel_init=glorot, dtype=self.dtype, name="stem")
        x = nn.relu(conv(images))
        for i in range(1, self.modules + 1):
            x = Inception(self.dtype, name=f"module{i}")(x)
            if i == (self.modules + 1) // 2:
                if self.auxiliary and (train or self.is_initializing()):
                    logits = Dense(self.num_classes, name="aux_head")(x.mean((1, 2)))
                    if not self.is_initializing():
                        self.sow("aux_logits", "aux", logits)
                x = max_pool(x, 2)
        return head(self, x.mean((1, 2)), self.num_classes, dtype=self.dtype)


PLAN = replace(
    BASE, arch="small_inception", epochs=3, optim=Optim("sgd", lr=0.02, weight_decay=2e-4)
)
RUNS = {
    "modules3": PLAN,
    "modules9": with_model(PLAN, modules=9),
    "modules3_aux": with_model(PLAN, auxiliary=True),
    "modules9_aux": with_model(PLAN, modules=9, auxiliary=True),
}


@lru_cache(maxsize=1)
def _first_gradient(run: Run) -> float:
    """The common logarithm of the norm of the stem's gradient at the initial weights, on 128
    training images."""
    recipe = RunFolder(run.folder).read_recipe()
    data = dataset_spec(recipe.dataset)
    model = create_model(recipe.arch, num_classes=data.num_classes, **model_overrides(recipe))
    source = load_split(data, "train", recipe.data_dir)
    examples = [source[i] for i in range(128)]
    mean, std = (np.array(each) for each in (data.mean, data.std))
    images = (np.stack([each["image"] for each in examples]) / 255 - mean) / std
    labels = np.array([each["label"] for each in examples])
    size = images.shape[1], images.shape[2]
    params = init_variables(model, jax.random.key(recipe.seed), size, data.channels)["params"]

    def loss(params: Any) -> jax.Array:
        logits, sown = model.apply(
            {"params": params}, images.astype(np.float32), train=True, mutable=["aux_logits"]
        )
        of = optax.softmax_cross_entropy_with_integer_labels
        auxiliary = [of(each, labels).mean() for each in jax.tree.leaves(sown)]
        return of(jnp.asarray(logits), labels).mean() + AUX_WEIGHT * sum(auxiliary)

    gradient = jax.jit(jax.grad(loss))(params)["stem"]["kernel"]
    return float(np.log10(np.linalg.norm(gradient) + 1e-30))


MEASURES = {
    "val_top1": VAL_TOP1,
    "test_top1": TEST_TOP1,
    "train_loss": TRAIN_LOSS,
    "first_gradient": Measure(
        "first layer's gradient at the start (log10 of its norm)", _first_gradient, digits=2
    ),
}


def answer(table: Table) -> Sequence[Part]:
    by_gradient = [
        Asked("the first layer's gradient falls with depth", "modules9", "modules3", 0.2,
              above=False),
        Asked("a head halfway raises it", "modules9_aux", "modules9", 0.2),
    ]  # fmt: skip
    by_top1 = [
        Asked("at nine modules the head halfway helps", "modules9_aux", "modules9", 0.01),
        Asked("at three modules it helps", "modules3_aux", "modules3", 0.01),
    ]
    return [
        *compared(table, "first_gradient", "log10 of its norm", by_gradient, 2),
        *compared(table, "test_top1", "test top-1", by_top1),
    ]


CLAIM = Claim(
    name="auxiliary_heads",
    number=4,
    question="Do auxiliary heads help, and how do gradients at early layers fall with depth?",
    source="Szegedy et al., 2015, https://arxiv.org/abs/1409.4842, section 5",
    setting=f"{small_cifar10.SETTING}; Inception modules of 40 maps on 8 and 4 pixels, no "
    "normalisation; 3 epochs of SGD at 0.02; a gradient's norm is that at the initial weights",
    runs=RUNS,
    measures=MEASURES,
    answer=answer,
    draw=drawing.dots_of(MEASURES, "test_top1", "first_gradient"),
    quick_model={"modules": 1},
    decided_by="a longer training, with the rate tuned for each depth",
)

main = partial(command.main, CLAIM, __doc__)


if __name__ == "__main__":
    sys.exit(main())
