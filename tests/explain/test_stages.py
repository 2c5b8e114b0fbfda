import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

from jaxcnn.errors import UserError
from jaxcnn.explain import chosen_stage
from jaxcnn.layers.tap import tap


class Halves(nn.Module):
    """A stage for each halving of the image, and features at the end."""

    @nn.compact
    def __call__(self, images: jax.Array, *, train: bool = False) -> jax.Array:
        x = images
        for i in range(4):
            x = tap(self, f"stage{i}", x[:, ::2, ::2])
        return tap(self, "pooled", x.mean((1, 2)))


@pytest.mark.parametrize(
    ("height", "width", "stage"),
    [
        (112, 112, "stage3"),  # 7x7
        (96, 112, "stage2"),  # 6x7 of the last
        (16, 16, "stage0"),  # 8x8
        (13, 13, "stage0"),  # 7x7
        (12, 12, "stage2"),  # 6x6, 3x3, 2x2, then one
        (1, 1, "stage3"),  # One everywhere
    ],
)
def test_the_last_map_of_7x7_cells_is_chosen_else_the_last_of_several(height, width, stage):
    images = jax.ShapeDtypeStruct((2, height, width, 3), jnp.float32)
    assert chosen_stage(Halves(), {}, images) == stage
    assert chosen_stage(Halves(), {}, images, "stage1") == "stage1"


def test_features_are_no_map():
    with pytest.raises(UserError, match="no map 'pooled'; its maps are stage0, stage1"):
        chosen_stage(Halves(), {}, jnp.zeros((1, 16, 16, 1)), "pooled")
