"""What every model promises; a new one is tested because it exists."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend import core

from jaxcnn.errors import UserError
from jaxcnn.models import create_model, list_models, model_spec
from jaxcnn.models.spec import init_variables
from jaxcnn.models.tools.macs import count_macs
from jaxcnn.selfcheck.rule import digest
from jaxcnn.weights import from_torch, to_torch
from jaxcnn.weights.torch_names import tensors_of, torch_tensors
from tests.models.kinds import KEY, fewer_blocks, shapes_of, small_size, smallest_of_each_kind
from tests.parity.references import digests, reference_of, what_is_missing

MOST_GMACS = 4.2


def large_ones_are_slow():
    """What they are traced for takes seconds; the smallest of their kind have the same layers."""
    small = smallest_of_each_kind()
    return [
        pytest.param(name, marks=[pytest.mark.slow] * (name not in small and gmacs > MOST_GMACS))
        for name in list_models()
        for gmacs in [model_spec(name).gmacs]
    ]


@pytest.mark.parametrize("name", large_ones_are_slow())
def test_size_and_work_are_its_rows_and_torch_names_its_references(name):
    """One test and one tracing, which takes a deep model seconds."""
    assert (missing := what_is_missing(name)) is None, missing
    spec = model_spec(name)
    model = create_model(name, num_classes=spec.num_classes)
    size = (spec.image_size, spec.image_size)

    def init(key):
        return init_variables(model, key, size, spec.channels)

    traced, variables = jax.make_jaxpr(init, return_shape=True)(KEY)
    tensors = tensors_of(spec, variables)
    shapes = {key: tensor.torch_shape for key, tensor in tensors.items()}
    assert reference_of(name) is None or digest(shapes) == digests()[name]

    params = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(variables["params"]))
    assert params == spec.num_params

    if "aux1_head" in variables["params"]:
        # These are work of training's alone.
        images = jax.ShapeDtypeStruct((1, *size, spec.channels), jnp.float32)
        macs = count_macs(lambda v, x: model.apply(v, x, train=False), variables, images)
    else:
        macs = count_macs(core.jaxpr_as_fun(traced), KEY)
    assert macs / 1e9 == pytest.approx(spec.gmacs, rel=0.005)


@pytest.mark.parametrize("name", smallest_of_each_kind())
def test_weights_round_trip_to_the_bit(name):
    """The other variants differ in the numbers of the same table, which the test above compares."""
    spec, fewer = model_spec(name), fewer_blocks(name)
    if hasattr(create_model(name), "dense"):
        fewer["dense"] = (16, 16)
    model = create_model(name, num_classes=spec.num_classes, **fewer)
    # Names and axes are what could go wrong: any numbers show it.
    rng = np.random.default_rng(0)
    state_dict = {
        key: rng.integers(256, size=shape, dtype=np.uint8).astype(np.float16)
        for key, tensor in torch_tensors(spec, model).items()
        for shape in [tensor.torch_shape]
    }
    back = to_torch(name, from_torch(name, state_dict, num_classes=spec.num_classes, **fewer))
    tracked = {key for key in back if key.endswith("num_batches_tracked")}
    assert back.keys() - tracked == state_dict.keys()
    assert all(np.array_equal(back[key], state_dict[key]) for key in state_dict)


@pytest.mark.parametrize("name", smallest_of_each_kind())
def test_a_non_square_bfloat16_image_gives_float32_logits_and_tapped_stages(name):
    model, variables, images = shapes_of(
        name,
        size=small_size(name, (33, 47)),
        num_classes=7,
        dtype=jnp.bfloat16,
        **fewer_blocks(name, most=2),
    )
    logits, taps = jax.eval_shape(
        lambda v, x: model.apply(v, x, mutable=["stages", "perturbations"]), variables, images
    )
    assert (logits.shape, logits.dtype) == ((1, 7), jnp.float32)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    stages = {stage: values[0] for stage, values in taps["stages"].items()}
    assert "pooled" in stages and taps["perturbations"] == stages
    # The compute itself is in bfloat16, or the argument would do nothing; but a linear classifier
    # has nothing to compute before its head, which reads the pixels.
    computed = [stage.dtype for stage in stages.values() if name != "linear"]
    assert set(computed) <= {jnp.dtype("bfloat16")}


@pytest.mark.parametrize("name", smallest_of_each_kind())
def test_training_on_thumbnails_updates_batch_statistics_and_nothing_else(name):
    size = model_spec(name).thumbnail_size
    model, variables, images = shapes_of(name, size=(size, size), **fewer_blocks(name, most=2))
    _, updated = jax.eval_shape(
        lambda v, x: model.apply(
            v, x, train=True, mutable=["batch_stats"], rngs={"dropout": jax.random.key(0)}
        ),
        variables,
        images,
    )
    assert set(updated) <= {"batch_stats"}
    updated_stats = jax.tree.structure(updated.get("batch_stats", {}))
    assert updated_stats == jax.tree.structure(variables["batch_stats"])


@pytest.mark.parametrize("name", ["lenet5", "lenet_1989"])
def test_a_size_that_the_arithmetic_does_not_allow_is_refused_with_the_least(name):
    with pytest.raises(UserError, match=r"needs images of at least 1[36]x1[36] pixels; got 5x9"):
        shapes_of(name, size=(5, 9))


@pytest.mark.parametrize("name", ["linear", "mlp", "lenet5", "lenet_1989", "resnet20"])
def test_logits_are_finite_and_depend_on_the_image(name):
    spec = model_spec(name)
    model = create_model(name, num_classes=5)
    variables = jax.jit(lambda key: init_variables(model, key, (32, 32), spec.channels))(KEY)
    images = jax.random.normal(KEY, (2, 32, 32, spec.channels))
    logits = jax.jit(model.apply)(variables, images)
    assert jnp.isfinite(logits).all()
    assert not jnp.allclose(logits[0], logits[1])


@pytest.mark.parametrize("name", smallest_of_each_kind())
def test_flax_init_gives_what_training_needs_and_no_feature_maps(name):
    size = model_spec(name).thumbnail_size
    model, variables, images = shapes_of(name, size=(size, size), **fewer_blocks(name, most=2))
    plain = jax.eval_shape(model.init, KEY, images)
    assert {"params": {}, "batch_stats": {}} | plain == variables


@pytest.mark.parametrize("name", smallest_of_each_kind())
def test_a_model_of_no_classes_gives_what_its_head_would_read(name):
    size = model_spec(name).thumbnail_size
    model, variables, images = shapes_of(name, size=(size, size), **fewer_blocks(name, most=2))
    backbone = create_model(name, num_classes=0, **fewer_blocks(name, most=2))
    channels = images.shape[-1]
    smaller = jax.eval_shape(lambda key: init_variables(backbone, key, (size, size), channels), KEY)
    features = jax.eval_shape(lambda v, x: backbone.apply(v, x), variables, images)
    (head,) = set(variables["params"]) - set(smaller["params"]) - {"aux1_head", "aux2_head"}
    kernel = variables["params"][head]["kernel"]
    assert (features.shape, features.dtype) == ((1, kernel.shape[-2]), jnp.float32)


@pytest.mark.parametrize("name", ["lenet5", "resnet20"])
def test_logits_are_the_heads_product_of_the_features(name):
    spec = model_spec(name)
    model, backbone = create_model(name, num_classes=5), create_model(name, num_classes=0)
    variables = jax.jit(lambda key: init_variables(model, key, (32, 32), spec.channels))(KEY)
    images = jax.random.normal(KEY, (2, 32, 32, spec.channels))
    features = jax.jit(backbone.apply)(variables, images)
    dense = variables["params"]["head"]
    logits = features @ dense["kernel"] + dense["bias"]
    np.testing.assert_allclose(jax.jit(model.apply)(variables, images), logits, atol=1e-5)


def test_fewer_than_no_classes_are_refused():
    with pytest.raises(UserError, match="num_classes=-1 is out of range; it must be 0 or more"):
        create_model("lenet5", num_classes=-1)


def test_a_mistyped_architecture_suggests_the_nearest():
    with pytest.raises(UserError, match="unknown model 'resnet5'; did you mean 'resnet5[06]'"):
        create_model("resnet5")


def test_list_models_takes_a_pattern():
    assert list_models("resnet?8") == ["resnet18"]
    assert set(list_models("lenet*")) == {"lenet5", "lenet_1989"}
