"""A model layer by layer."""

import jax
import pytest
from flax import linen as nn

from jaxcnn.models import create_model
from jaxcnn.models.tools.layer_table import Layer, layer_table


class Net(nn.Module):
    """A convolution, one that is called twice, a parameter of the model's own, and a head."""

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        x = nn.Conv(4, (3, 3), name="first")(images)
        second = nn.Conv(4, (1, 1), use_bias=False, name="second")
        x = second(second(x)) * self.param("scale", nn.initializers.ones, (4,))
        return nn.Dense(3, name="head")(x.mean((1, 2)))


def test_each_module_with_parameters_has_a_row_in_the_order_they_run():
    table = layer_table(Net(), (8, 6), 2)
    assert table.layers == (
        Layer("first", "Conv", (1, 8, 6, 4), 3 * 3 * 2 * 4 + 4, 48 * 3 * 3 * 2 * 4),
        Layer("second", "Conv", (1, 8, 6, 4), 16, 48 * 16),
        Layer("head", "Dense", (1, 3), 15, 12),
        Layer("(the model itself)", "Net", (1, 3), 4, 0),
    )
    assert table.num_params == sum(layer.num_params for layer in table.layers)
    # A layer that is called twice has one row, and works twice.
    assert table.macs == sum(layer.macs for layer in table.layers) + 48 * 16


@pytest.mark.parametrize("name", ["lenet5", "mlp", "efficientnet_b0"])
def test_layers_add_up_to_the_model(name):
    table = layer_table(create_model(name, num_classes=10), (32, 32), 3)
    assert sum(layer.num_params for layer in table.layers) == table.num_params
    assert sum(layer.macs for layer in table.layers) == table.macs
