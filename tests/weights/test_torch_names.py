"""from_torch and to_torch undo each other, and refuse what is not theirs."""

import numpy as np
import pytest

from jaxcnn.errors import UserError
from jaxcnn.models import model_spec
from jaxcnn.weights import from_torch
from jaxcnn.weights.torch_names import KERNEL_AXES, WeightsError, model_tensors


def tensors_of(name):
    return model_tensors(name, model_spec(name).num_classes)


@pytest.mark.parametrize("rank", KERNEL_AXES)
def test_kernels_turn_into_torchs_layout(rank):
    """[H, W, I, O] -> [O, I, H, W] and [I, O] -> [O, I]."""
    shape = (2, 3, 5, 7)[-rank:]
    kernel = np.arange(np.prod(shape)).reshape(shape)
    turned = kernel.transpose(KERNEL_AXES[rank])
    assert turned.shape == (7, 5, 2, 3)[:rank]
    at = (1, 2, 4, 6)[-rank:]
    assert turned[(6, 4, 1, 2)[:rank]] == kernel[at]


def zeros(name):
    return {key: np.zeros(t.torch_shape, np.float32) for key, t in tensors_of(name).items()}


def test_a_state_dict_of_another_model_is_refused_with_the_list_of_keys():
    state_dict = zeros("resnet20")
    state_dict["extra.weight"] = np.zeros(3, np.float32)
    del state_dict["bn1.bias"]
    state_dict["conv1.weight"] = np.zeros((16, 3, 5, 5), np.float32)
    with pytest.raises(UserError) as error:
        from_torch("resnet20", state_dict)
    message = str(error.value)
    assert "not the weights of resnet20" in message
    assert "1 missing: bn1.bias" in message
    assert "1 surplus: extra.weight" in message
    assert "1 misshapen: conv1.weight (16, 3, 5, 5) for (16, 3, 3, 3)" in message
    assert "\n" not in message


def test_the_lists_are_whole_in_the_error_and_short_in_its_message():
    with pytest.raises(WeightsError) as error:
        from_torch("resnet50", zeros("resnet20"))
    assert error.value.missing == sorted(tensors_of("resnet50").keys() - tensors_of("resnet20"))
    assert error.value.surplus == sorted(tensors_of("resnet20").keys() - tensors_of("resnet50"))
    assert len(str(error.value)) < 1000
    assert "more" in str(error.value)


def test_the_number_of_classes_is_the_state_dicts():
    state_dict = zeros("resnet20")
    state_dict["fc.weight"] = np.zeros((7, 64), np.float32)
    state_dict["fc.bias"] = np.zeros(7, np.float32)
    variables = from_torch("resnet20", state_dict)
    assert variables["params"]["head"]["kernel"].shape == (64, 7)


def test_a_state_dict_without_a_head_is_that_of_a_model_of_no_classes():
    state_dict = zeros("resnet20")
    del state_dict["fc.weight"], state_dict["fc.bias"]
    assert "head" not in from_torch("resnet20", state_dict)["params"]


def test_computed_buffers_are_ignored():
    state_dict = zeros("resnet20") | {"bn1.num_batches_tracked": np.array(3)}
    assert from_torch("resnet20", state_dict)
