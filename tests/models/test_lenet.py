import jax
import jax.numpy as jnp
import pytest

from jaxcnn.models import create_model
from jaxcnn.models.lenet import scaled_tanh, uniform_fan_in
from jaxcnn.models.spec import init_variables


def test_scaled_tanh_maps_one_to_one():
    assert scaled_tanh(jnp.array([-1.0, 1.0])) == pytest.approx([-1.0, 1.0], abs=1e-4)


def test_initial_weights_fill_the_interval_of_fan_in():
    kernel = uniform_fan_in(jax.random.key(0), (5, 5, 6, 16))
    bound = 2.4 / 150
    assert jnp.abs(kernel).max() <= bound
    assert kernel.std() == pytest.approx(bound / 3**0.5, rel=0.05)


@pytest.mark.parametrize(
    ("name", "stage1", "stage2"),
    [("lenet5", (14, 14, 6), (5, 5, 16)), ("lenet_1989", (14, 14, 6), (5, 5, 12))],
)
def test_a_32x32_image_shrinks_as_in_the_papers_figure(name, stage1, stage2):
    model = create_model(name, num_classes=10)
    images = jnp.zeros((1, 32, 32, 1))
    variables = init_variables(model, jax.random.key(0), (32, 32), 1)
    _, taps = model.apply(variables, images, mutable=["stages"])
    assert taps["stages"]["stage1"][0].shape[1:] == stage1
    assert taps["stages"]["stage2"][0].shape[1:] == stage2
