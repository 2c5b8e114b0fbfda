import jax
import numpy as np
import pytest
from flax import linen as nn

from jaxcnn.errors import UserError
from jaxcnn.layers.dropout import Dropout
from jaxcnn.models import create_model, model_spec
from jaxcnn.models.spec import init_variables
from jaxcnn.weights.torch_names import torch_tensors

KEY = jax.random.key(0)


@pytest.mark.parametrize("name", ["vgg11", "vgg13", "vgg16", "vgg19"])
def test_the_name_is_the_number_of_layers_with_weights(name):
    for batch_norm in (False, True):
        spec = model_spec(name + "_bn" * batch_norm)
        params = jax.eval_shape(
            lambda spec=spec: init_variables(spec.make(num_classes=5), KEY, (32, 32), 3)
        )["params"]
        assert sum("kernel" in layer for layer in params.values()) == int(name.removeprefix("vgg"))
        assert sum("scale" in layer for layer in params.values()) == (
            len(params) // 2 - 1 if batch_norm else 0
        )


@pytest.mark.parametrize(
    ("name", "last"),
    [
        # Where users of torchvision and timm look for the last convolution.
        ("vgg11", 18),
        ("vgg13", 22),
        ("vgg16", 28),
        ("vgg19", 34),
        ("vgg11_bn", 25),
        ("vgg13_bn", 31),
        ("vgg16_bn", 40),
        ("vgg19_bn", 49),
    ],
)
def test_torch_counts_normalisations_activations_and_poolings_too(name, last):
    tensors = torch_tensors(model_spec(name), create_model(name))
    kernels = [int(key.split(".")[1]) for key in tensors if key.startswith("features.")]
    assert max(kernels) == last + name.endswith("_bn")
    final = tensors[f"features.{last}.weight"]
    assert final.path[1].startswith("conv5_")
    assert final.torch_shape == (512, 512, 3, 3)


def test_a_larger_image_is_classified_by_the_mean_over_its_7x7_places():
    """Section 3.2: the dense layers slide over the map. Two places of one image, side by side."""
    model = create_model("vgg11", num_classes=5, dense=(16, 8))
    variables = jax.jit(lambda: init_variables(model, KEY, (32, 32), 3))()

    @jax.jit
    def stages_and_logits(images):
        logits, taps = model.apply(variables, images, mutable=["stages"])
        return taps["stages"]["stage5"][0], logits

    images = jax.random.normal(KEY, (1, 224, 256, 3))
    stage5, logits = stages_and_logits(images)
    stage5 = stage5.reshape(1, 7, 2, 8, 2, 512).max((2, 4))  # [1, 7, 8, 512]
    params, hidden = variables["params"], []
    for place in (stage5[:, :, :7], stage5[:, :, 1:]):
        x = place.reshape(1, -1)
        for layer in ("pre_logits_fc1", "pre_logits_fc2"):
            kernel = params[layer]["kernel"]
            x = jax.nn.relu(x @ kernel.reshape(-1, kernel.shape[-1]) + params[layer]["bias"])
        hidden.append(x)
    head = params["head"]
    expected = (hidden[0] + hidden[1]) / 2 @ head["kernel"] + head["bias"]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-6)


def test_outputs_of_both_dense_layers_are_dropped_out():
    calls = []

    def record(call, args, kwargs, context):
        name = context.module.name or ""
        if isinstance(context.module, Dropout):
            assert context.module.rate == 0.5 and not context.module.deterministic
            calls.append("dropout")
        elif name == "head" or name.startswith("pre_logits"):
            calls.append(name)
        return call(*args, **kwargs)

    model = create_model("vgg11", num_classes=5)
    with nn.intercept_methods(record):
        jax.eval_shape(lambda: init_variables(model, KEY, (32, 32), 3))
    assert calls == ["pre_logits_fc1", "dropout", "pre_logits_fc2", "dropout", "head"]


def test_a_map_that_poolings_would_use_up_is_refused():
    model = create_model("vgg16", num_classes=5)
    with pytest.raises(UserError, match="at least 32x32 pixels; got 31x64"):
        jax.eval_shape(lambda: init_variables(model, KEY, (31, 64), 3))
