from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxcnn.errors import UserError
from jaxcnn.explain import grad_cam
from jaxcnn.models import create_model, list_models, model_spec
from jaxcnn.models.efficientnet import B0
from jaxcnn.models.linear import Perceptron
from jaxcnn.models.spec import init_variables
from tests.explain.networks import Bright, Convolution, spot, variables_and_images
from tests.parity.cases import CASES, Case


@pytest.mark.parametrize("stage", ["stem", None])
def test_it_is_equations_1_and_2(stage):
    """By another way than perturbing: the network cut in two at the stage."""
    model = Convolution()
    variables, images = variables_and_images(model)
    params = variables["params"]
    classes = jnp.array([3, 1])

    def features(layer, x, stride):
        kernel = params[layer]["kernel"]
        maps = jax.lax.conv_general_dilated(
            x, kernel, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return jnp.tanh(maps + params[layer]["bias"])

    def head(maps):
        return maps.mean((1, 2)) @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"]

    maps, rest = features("Conv_0", images, 1), lambda x: head(features("Conv_1", x, 2))
    if stage != "stem":
        maps, rest = features("Conv_1", maps, 2), head
    for n, wanted in enumerate(classes):
        gradient = jax.grad(lambda x, k=wanted: rest(x[None])[0, k])(maps[n])
        weights = [gradient[..., k].mean() for k in range(gradient.shape[-1])]
        coarse = jnp.maximum(sum(w * maps[n, ..., k] for k, w in enumerate(weights)), 0)
        expected = jax.image.resize(coarse, (8, 6), "bilinear")
        assert expected.max() > 0
        found = grad_cam(model, variables, images, classes, stage)[n]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_it_is_high_where_the_evidence_is_and_zero_elsewhere():
    images = spot()
    found = grad_cam(Bright(), {}, images, jnp.array([1, 1]))
    np.testing.assert_array_equal(found > 0, images[..., 0] > 0)


@pytest.mark.parametrize(
    ("name", "overrides", "size"),
    [
        ("efficientnet_lite0", {"stages": B0[:2]}, 64),
        ("efficientnet_b0", {"stages": B0[:2]}, 64),
        ("resnet18", {"stages": (1, 1, 1, 1)}, 224),
    ],
)
def test_the_default_stage_is_the_map_whose_mean_the_classifier_reads(name, overrides, size):
    """Of such a map Grad-CAM is its sum weighted by the class's row of the classifier, as Zhou et
    al., 2016, https://arxiv.org/abs/1512.04150, have it: in EfficientNet that of `conv_head`."""
    model = create_model(name, num_classes=5, **overrides)
    images = jax.random.normal(jax.random.key(0), (1, size, size, 3))
    variables = jax.jit(lambda key: init_variables(model, key, (size, size), 3))(jax.random.key(1))
    without_head = jax.jit(create_model(name, num_classes=0, **overrides).apply)
    _, taps = jax.jit(partial(model.apply, mutable=["stages"]))(variables, images)
    features = without_head(variables, images)
    (read,) = (
        tapped
        for (tapped,) in taps["stages"].values()
        if (*tapped.shape[:1], *tapped.shape[3:]) == features.shape
        and np.allclose(tapped.mean((1, 2)), features, atol=1e-6)
    )
    area = read.shape[1] * read.shape[2]
    assert area > 1
    kernel = variables["params"]["head"]["kernel"]  # [K, 5]
    evidence = nn.relu(read @ kernel[:, 3] / area)
    expected = jax.image.resize(evidence, images.shape[:3], "bilinear")
    found = jax.jit(partial(grad_cam, model))(variables, images, jnp.array([3]))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_evidence_against_the_class_is_left_out():
    assert not grad_cam(Bright(), {}, spot(), jnp.array([0, 0])).any()


def one_of_each_module():
    """As shallow as the parity cases have it: tracing a gradient takes seconds in a deep one."""
    shallow = {type(create_model(case.model)): case for case in reversed(CASES)}
    for name in list_models():
        size = (model_spec(name).image_size,) * 2
        own = Case(name, "", size, channels=model_spec(name).channels)
        shallow.setdefault(type(create_model(name)), own)
    return [pytest.param(case, id=case.model) for case in shallow.values()]


@pytest.mark.parametrize("case", one_of_each_module())
def test_every_family_has_a_map_or_says_that_it_has_none(case):
    model = create_model(case.model, num_classes=5, **case.overrides)
    key = jax.random.key(0)
    variables = jax.eval_shape(
        lambda key: init_variables(model, key, case.size, case.channels), key
    )
    images = jax.ShapeDtypeStruct((2, *case.size, case.channels), jnp.float32)
    classes = jax.ShapeDtypeStruct((2,), jnp.int32)

    def explain():
        return jax.eval_shape(lambda *given: grad_cam(model, *given), variables, images, classes)

    if isinstance(model, Perceptron):
        with pytest.raises(UserError, match="needs a stage that is a map, and Perceptron has none"):
            explain()
    else:
        maps = explain()
        assert (maps.shape, maps.dtype) == ((2, *case.size), jnp.float32)


def test_the_default_stage_of_a_vit_has_a_say_in_the_class():
    """Its class token takes nothing from the patches after the last block."""
    model = create_model("vit_tiny_patch16_224", num_classes=5, depth=1, image_size=32)
    images = jax.random.normal(jax.random.key(0), (1, 32, 32, 3))
    variables = jax.jit(lambda key: init_variables(model, key, (32, 32), 3))(jax.random.key(1))
    explain = jax.jit(lambda *given: grad_cam(model, *given))
    assert any(explain(variables, images, jnp.array([k])).any() for k in range(5))


def test_a_stage_that_is_no_map_is_refused_with_those_that_are():
    model = Convolution()
    variables, images = variables_and_images(model)
    with pytest.raises(UserError, match="no map 'pooled'; its maps are stem, stage1"):
        grad_cam(model, variables, images, jnp.array([0, 0]), "pooled")
