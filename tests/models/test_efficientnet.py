import jax
import jax.numpy as jnp
import pytest

from jaxcnn.models import create_model
from jaxcnn.models.efficientnet import EfficientNet, Stage, scale_depth, scale_width
from jaxcnn.models.spec import init_variables


@pytest.mark.parametrize(
    ("width", "coefficient", "scaled"),
    [(32, 1.0, 32), (32, 1.1, 32), (24, 1.4, 32), (16, 1.1, 16), (1280, 1.4, 1792), (10, 1.0, 16)],
)
def test_widths_are_multiples_of_8_and_never_shrink_by_more_than_a_tenth(
    width, coefficient, scaled
):
    assert scale_width(width, coefficient) == scaled


def test_depth_rounds_up():
    assert [scale_depth(repeats, 1.1) for repeats in (1, 2, 3, 4)] == [2, 3, 4, 5]


def test_lite_keeps_first_and_last_stage_at_their_depth():
    lite = EfficientNet(num_classes=1, depth=1.8, lite=True).scaled_stages()
    plain = EfficientNet(num_classes=1, depth=1.8).scaled_stages()
    assert [stage.repeats for stage in lite] == [1, 4, 4, 6, 6, 8, 1]
    assert [stage.repeats for stage in plain] == [2, 4, 4, 6, 6, 8, 2]


def test_stochastic_depth_and_dropout_act_in_training_only():
    stages = (Stage(2, 3, 1, 1, 8), Stage(2, 3, 1, 1, 8))
    model = create_model(
        "efficientnet_b0", num_classes=4, stages=stages, drop_path_rate=0.5, drop_rate=0.5
    )
    variables = init_variables(model, jax.random.key(0), (16, 16), 3)
    images = jax.random.normal(jax.random.key(1), (4, 16, 16, 3))

    def logits(train, seed):
        rngs = {"dropout": jax.random.key(seed)}
        out, _ = model.apply(variables, images, train=train, mutable=["batch_stats"], rngs=rngs)
        return out

    assert jnp.array_equal(logits(False, 1), logits(False, 2))
    assert not jnp.array_equal(logits(True, 1), logits(True, 2))
