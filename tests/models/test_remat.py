"""Rematerialisation changes memory, and nothing that is computed."""

import chex
import jax
import jax.numpy as jnp
import pytest

from jaxcnn.engine.program import model_of
from jaxcnn.errors import UserError
from jaxcnn.models import create_model, list_models, model_spec
from jaxcnn.models.spec import init_variables
from jaxcnn.recipe import Model, Recipe, check
from tests.models.kinds import fewer_blocks, smallest_of_each_kind

# A small one of each family; the taps and the random numbers of its blocks included.
SMALL = {
    "resnet18": {"stages": (2, 1), "drop_path_rate": 0.5},
    "vit_tiny_patch16_224": {
        **{"patch": 8, "width": 16, "depth": 2, "heads": 2, "image_size": 32},
        **{"proj_drop_rate": 0.2, "attn_drop_rate": 0.2, "drop_path_rate": 0.5},
    },
    "densenet_40_k12": {"stages": (2, 2)},
}
KEY = jax.random.key(0)
WITHOUT = ("airbench*", "alexnet*", "googlenet*", "lenet*", "linear", "mlp", "vgg*")


def has_remat(name):
    return not any(name in list_models(pattern) for pattern in WITHOUT)


@pytest.mark.parametrize("name", [name for name in smallest_of_each_kind() if has_remat(name)])
def test_names_and_shapes_of_the_weights_are_the_same(name):
    spec = model_spec(name)
    size = spec.image_size, spec.image_size

    def shapes(**overrides):
        fewer = fewer_blocks(name, most=2)
        model = create_model(name, num_classes=spec.num_classes, **fewer, **overrides)
        return jax.eval_shape(
            lambda key: init_variables(model, key, size, spec.channels), jax.random.key(0)
        )

    chex.assert_trees_all_equal(shapes(remat=True), shapes())


@pytest.mark.parametrize("name", SMALL)
def test_logits_gradients_and_statistics_are_the_same(name):
    images = jax.random.normal(jax.random.key(1), (4, 32, 32, 3))
    plain = create_model(name, num_classes=5, **SMALL[name])
    variables = jax.jit(lambda key: init_variables(plain, key, (32, 32), 3))(KEY)

    def computed(remat):
        model = create_model(name, num_classes=5, **SMALL[name], remat=remat)

        def loss(params):
            logits, updated = model.apply(
                {**variables, "params": params},
                images,
                train=True,
                mutable=["batch_stats"],
                rngs={"dropout": jax.random.key(2)},
            )
            return (logits**2).sum(), (logits, updated)

        return jax.jit(jax.grad(loss, has_aux=True))(variables["params"])

    chex.assert_trees_all_close(computed(True), computed(False), rtol=1e-3, atol=1e-4)


def test_memory_falls():
    """Of activations: what a block computes within is not kept."""
    model_args = {"patch": 4, "width": 32, "depth": 8, "heads": 2, "image_size": 32}

    def temporary_bytes(remat):
        model = create_model("vit_tiny_patch16_224", num_classes=5, **model_args, remat=remat)
        shapes = jax.eval_shape(lambda key: init_variables(model, key, (32, 32), 3), KEY)
        gradient = jax.grad(lambda variables, x: jnp.sum(model.apply(variables, x, train=True)))
        images = jax.ShapeDtypeStruct((16, 32, 32, 3), jnp.float32)
        # On CPU XLA takes repeated operations for one again, unless told as command lines tell it.
        kept = {"xla_disable_hlo_passes": "cse_barrier_expander"}
        compiled = jax.jit(gradient).lower(shapes, images).compile(compiler_options=kept)
        memory = compiled.memory_analysis()
        assert memory is not None
        return memory.temp_size_in_bytes

    assert temporary_bytes(True) < 0.6 * temporary_bytes(False)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Model(remat=True), "vgg16 has no remat; leave --model.remat out"),
        (
            Model(drop_path_rate=0.1),
            "vgg16 has no drop_path_rate; leave --model.drop-path-rate out",
        ),
    ],
)
def test_a_network_without_it_is_refused_in_one_line(model, message):
    with pytest.raises(UserError, match=message):
        model_of(Recipe("vgg16", model=model), 10)


def test_a_rate_of_zero_is_not_the_architectures_own():
    recipe = Recipe("convnext_tiny", model=Model(drop_path_rate=0.0))
    assert model_of(recipe, 10).drop_path_rate == 0.0
    with pytest.raises(UserError, match="--model.drop-rate=1.5 is out of range"):
        check(Recipe("vgg16", model=Model(drop_rate=1.5)))
