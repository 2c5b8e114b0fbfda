"""The order of each model's layers, by which layer decay and fine-tuning go."""

from functools import partial

import jax
import pytest

from jaxcnn.models import create_model, list_models, model_spec
from jaxcnn.models.spec import init_variables

# Its one layer is the head.
WITHOUT = {"linear"}


def numbers(name):
    spec = model_spec(name)
    size = (spec.image_size, spec.image_size)
    init = partial(init_variables, create_model(name), jax.random.key(0), size, spec.channels)
    assert spec.layers is not None
    return spec.layers.numbers(jax.eval_shape(init)["params"])


def test_every_model_but_one_says_the_order_of_its_layers():
    assert {name for name in list_models() if model_spec(name).layers is None} == WITHOUT


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("lenet5", ["conv1", "conv2", "dense1", "dense2", "head"]),
        ("mlp", ["hidden1", "hidden2", "head"]),
        ("alexnet", ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"]),
        ("googlenet", ["conv1", "conv2", "conv3", "inception3a", "inception3b", "inception4a"]),
        ("densenet_40_k12", ["conv0", "denseblock1", "denseblock2", "denseblock3", "head"]),
        ("vgg11", ["conv1_1", "conv2_1", "conv3_1", "conv3_2", "conv4_1", "conv4_2", "conv5_1"]),
        ("airbench94", ["whiten", "group1_conv1", "group1_conv2", "group2_conv1"]),
    ],
)
def test_layers_stand_in_the_order_of_the_forward_pass(name, order):
    found = numbers(name)
    assert [found[layer] for layer in order] == list(range(len(order)))


def test_what_belongs_to_a_layer_is_of_it():
    dense, bench = numbers("densenet_40_k12"), numbers("airbench94")
    assert dense["transition1"] == dense["denseblock1"] and dense["norm5"] == dense["denseblock3"]
    assert bench["group1_norm1"] == bench["group1_conv1"]
    vgg = numbers("vgg11")
    assert vgg["pre_logits_fc1"] == vgg["head"], "as timm has it"
