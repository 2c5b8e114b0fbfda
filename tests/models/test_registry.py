"""Models of one's own, and which of a module's fields a recipe may give."""

from collections.abc import Callable, Sequence
from dataclasses import field
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

from jaxcnn.errors import UserError
from jaxcnn.models import create_model, list_models, model_fields, model_spec, register_model
from jaxcnn.models.fields import fields_of
from jaxcnn.models.spec import init_variables
from jaxcnn.models.tools.size_and_work import gmacs_of, num_params_of

pytestmark = pytest.mark.usefixtures("own_names")


class Mine(nn.Module):
    num_classes: int
    width: int = 4
    rate: float | None = None
    kind: Literal["a", "b"] = "a"
    depths: Sequence[int] = (1, 2)
    pairs: tuple[tuple[int, str], ...] = ()
    made: tuple[int, ...] = field(default_factory=lambda: (7,))
    guessed: Any = 2.5
    act: Callable[..., Any] = nn.relu
    block: type[nn.Module] = nn.Dense
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, images, *, train=False):
        x = nn.Dense(self.width)(images.reshape(images.shape[0], -1))
        return nn.Dense(self.num_classes)(self.act(x)).astype(jnp.float32)


def test_fields_are_those_of_plain_values_with_their_types_and_defaults():
    found = {name: (each.kind, each.default) for name, each in fields_of(Mine).items()}
    assert found.pop("act")[0] is None and found.pop("block")[0] is None
    assert found == {
        "width": (int, 4),
        "rate": (float | None, None),
        "kind": (Literal["a", "b"], "a"),
        "depths": (tuple[int, ...], (1, 2)),
        "pairs": (tuple[tuple[int, str], ...], ()),
        "made": (tuple[int, ...], (7,)),
        "guessed": (float, 2.5),
    }
    assert fields_of(partial(Mine, width=9))["width"].default == 9


def test_a_functions_parameters_are_fields_without_annotations_too():
    def make(num_classes, dtype, width=3, name="x", deep=(1, 2), **more):
        return Mine(num_classes, width)

    make.__annotations__["width"] = "NotHere"

    assert {name: each.kind for name, each in fields_of(make).items()} == {
        "width": int,
        "deep": tuple[int, ...],
    }


@pytest.mark.parametrize("name", list_models())
def test_every_model_of_ours_has_fields_that_can_be_read(name):
    for each in model_fields(name).values():
        assert each.default is not None


def test_a_model_of_ones_own_is_made_counted_and_listed():
    register_model("mine", image_size=8, channels=1)(Mine)
    model = create_model("mine", num_classes=3, width=5)
    shapes = jax.eval_shape(lambda: init_variables(model, jax.random.key(0), (8, 8), 1))
    assert shapes["params"]["Dense_1"]["kernel"].shape == (5, 3)
    assert "mine" in list_models() and model_spec("mine").image_size == 8
    assert num_params_of("mine") == 64 * 4 + 4 + 4 * 1000 + 1000
    assert gmacs_of("mine") == pytest.approx((64 * 4 + 4 * 1000) / 1e9)
    assert num_params_of("lenet5") == 61_706


def test_what_cannot_be_made_as_models_are_is_refused():
    class NoTrain(Mine):
        def __call__(self, images):
            return images

    for make, told in (
        (lambda num_classes: None, "it takes no dtype"),
        (lambda num_classes, dtype, width: None, "width has no default"),
        (NoTrain, "its __call__ takes no train"),
        (3, "neither a module's class nor a function"),
    ):
        with pytest.raises(UserError, match=told):
            register_model("mine")(make)  # pyright: ignore[reportArgumentType]
    assert "mine" not in list_models()
