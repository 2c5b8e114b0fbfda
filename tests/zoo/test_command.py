import jax
import pytest

from jaxcnn.models import create_model, list_models, model_spec
from jaxcnn.models.tools.layer_table import layer_table
from jaxcnn.zoo import command as zoo


def test_models_are_listed_by_pattern(capsys):
    assert zoo.main(["resnet1*"]) == 0
    lines = capsys.readouterr().out.splitlines()
    shown = [line.split("│")[1].strip() for line in lines if line.startswith("│")]
    assert shown == list_models("resnet1*")


def test_the_layers_of_a_model_add_up_to_it(capsys):
    spec = model_spec("resnet20")
    table = layer_table(create_model("resnet20", num_classes=10), (32, 32), 3)
    assert sum(layer.num_params for layer in table.layers) == table.num_params == spec.num_params
    assert sum(layer.macs for layer in table.layers) == table.macs
    shapes = {layer.name: layer.shape for layer in table.layers}
    assert shapes["layer2_0.conv1"] == (1, 16, 16, 32)
    assert zoo.main(["--arch=resnet20"]) == 0
    assert "269,722" in capsys.readouterr().out


def test_products_of_activations_are_told_apart(capsys):
    """Attention multiplies activations with each other: no layer's kernel counts those."""
    table = layer_table(create_model("vit_tiny_patch16_224", depth=1), (224, 224), 3)
    tokens, width = 197, 192
    products = table.macs - sum(layer.macs for layer in table.layers)
    assert products == 2 * tokens * tokens * width


def test_the_table_computes_nothing():
    with jax.transfer_guard("disallow"):
        layer_table(create_model("lenet5", num_classes=10), (32, 32), 1)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--arch=resnet5"], "unknown model 'resnet5'; did you mean 'resnet5"),
        (["--arch=vit_tiny_patch16_224", "--image-size=-16"], "--image-size=-16 is out of range"),
        (["nothing*"], "no model is called 'nothing*'"),
        (["--arch=vit_tiny_patch16_224", "--image-size=50"], "multiples of 16; got 50x50"),
    ],
)
def test_wrong_input_exits_2_with_one_line(args, message, capsys):
    assert zoo.main(args) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
