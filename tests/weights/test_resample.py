"""Positions of another size come out as timm's loading has them (goldens/, make_goldens.py)."""

import numpy as np
import pytest

from jaxcnn.errors import UserError
from jaxcnn.models import create_model, model_spec
from jaxcnn.weights import from_torch
from jaxcnn.weights.resample import fit_positions, resample_bias_table, resample_embedding
from jaxcnn.weights.torch_names import torch_tensors
from tests.weights.positions import BIAS_TABLES, EMBEDDINGS, GOLDENS, bias_table, embedding

TOLERANCE = {"rtol": 0, "atol": 2e-5}  # Of values normal with deviation 1, in float32.


@pytest.mark.parametrize("case", EMBEDDINGS, ids=lambda case: case.id)
def test_position_embeddings_are_resampled_as_timms(case):
    ours = resample_embedding(embedding(case), case.new, case.first)
    np.testing.assert_allclose(ours, np.load(GOLDENS)[case.id], **TOLERANCE)


@pytest.mark.parametrize("case", BIAS_TABLES, ids=lambda case: case.id)
def test_tables_of_position_biases_are_resampled_as_timms(case):
    ours = resample_bias_table(bias_table(case), 2 * case.new - 1)
    np.testing.assert_allclose(ours, np.load(GOLDENS)[case.id], **TOLERANCE)


def test_weights_of_a_vit_of_larger_images_load_and_a_line_says_so():
    fields = {"width": 6, "depth": 1, "heads": 2, "num_classes": 3}
    name = "vit_tiny_patch16_224"

    def shapes(image_size):
        model = create_model(name, image_size=image_size, **fields)
        tensors = torch_tensors(model_spec(name), model)
        return {key: tensor.torch_shape for key, tensor in tensors.items()}

    larger = {key: np.ones(shape, np.float32) for key, shape in shapes(96).items()}
    variables = from_torch(name, larger, image_size=64, **fields)
    assert variables["params"]["pos_embed"].shape == (1, 1 + 4 * 4, 6)
    lines = []
    fit_positions(larger, shapes(64), lines.append)
    assert lines == ["the weights have position embeddings of 6x6 patches, resampled to 4x4"]
    fit_positions(larger, shapes(96), lines.append)
    assert len(lines) == 1


@pytest.mark.parametrize("positions", [1 + 15, 1 + 36 - 1])
def test_positions_that_are_no_square_are_refused_as_misshapen(positions):
    fields = {"width": 6, "depth": 1, "heads": 2, "num_classes": 3, "image_size": 64}
    name = "vit_tiny_patch16_224"
    tensors = torch_tensors(model_spec(name), create_model(name, **fields))
    weights = {key: np.ones(tensor.torch_shape, np.float32) for key, tensor in tensors.items()}
    weights["pos_embed"] = np.ones((1, positions, 6), np.float32)
    with pytest.raises(UserError, match="1 misshapen: pos_embed"):
        from_torch(name, weights, **fields)
