from functools import partial

from jaxcnn.models import create_model
from jaxcnn.models.hidden_matrices import hidden_matrices


def matrices(name, size=32, channels=3, **overrides):
    make = partial(create_model, name, **overrides)
    found = hidden_matrices(lambda n: make(num_classes=n), 10, (size, size), channels)
    return {"/".join(path[:-1]): groups for path, groups in found.items()}


def test_the_first_and_the_last_layer_are_left_out():
    assert set(matrices("resnet20", blocks_per_stage=1)) == {
        "layer1_0/conv1",
        "layer1_0/conv2",
        "layer2_0/conv1",
        "layer2_0/conv2",
        "layer3_0/conv1",
        "layer3_0/conv2",
    }
    assert matrices("linear") == {}
    assert set(matrices("vit_tiny_patch16_224", depth=1)) == {
        "blocks_0/attn/qkv",
        "blocks_0/attn/proj",
        "blocks_0/mlp/fc1",
        "blocks_0/mlp/fc2",
    }


def test_every_head_is_a_last_layer():
    found = matrices("googlenet", 224)
    assert "aux1_head/fc1" in found
    assert not {"aux1_head/fc2", "aux2_head/fc2", "head"} & set(found)


def test_groups_are_counted_and_depthwise_kernels_are_vectors():
    assert matrices("alexnet_2012", 67) == {
        "conv2": 2,
        "conv3": 1,
        "conv4": 2,
        "conv5": 2,
        "fc6": 1,
        "fc7": 1,
    }
    assert set(matrices("resnext50_32x4d", stages=(1,)).values()) == {1, 32}
    assert set(matrices("convnext_tiny", stages=(1,))) == {
        "stages_0_blocks_0/mlp/fc1",
        "stages_0_blocks_0/mlp/fc2",
    }
