"""--model.FIELD of the chosen architecture, and --plugin, on the command line."""

import re

import pytest

from jaxcnn.errors import UserError
from jaxcnn.models import list_models
from jaxcnn.recipe import Model
from jaxcnn.sweep import command as sweep
from jaxcnn.train import command as train


@pytest.mark.parametrize(
    ("flags", "model"),
    [
        ("--model.pool=False --model.maps=3,8", Model(fields={"pool": False, "maps": (3, 8)})),
        ("--model.pool true --model.maps=6,16", Model()),
    ],
)
def test_flags_of_the_architectures_own_fields(flags, model):
    assert train.parse(["--arch=lenet5", *flags.split()]).recipe.model == model


def test_flags_of_every_architecture_are_beside_them():
    args = ["--arch=resnet18", "--model.remat", "--model.stages=1,1,1,1", "--model.stem=small"]
    expected = Model(remat=True, stem="small", fields={"stages": (1, 1, 1, 1)})
    assert train.parse(args).recipe.model == expected


@pytest.mark.parametrize(
    ("arch", "flag", "told"),
    [
        ("lenet5", "--model.poool=1", "lenet5 has no poool; did you mean 'pool'?"),
        ("lenet5", "--model.growth-rate=2", "lenet5 has no growth_rate; known: dense, maps, pool"),
        ("lenet5", "--model.stem=small", "lenet5 has no stem"),
        ("lenet5", "--model.pool=gap", "--model.pool: it is 'gap', not true or false"),
        ("lenet5", "--model.maps=3", "--model.maps: it is '3', not a list of 2 times a whole"),
        ("resnet18", "--model.block=x", "block of resnet18 is no plain value but a function"),
    ],
)
def test_a_flag_that_the_architecture_has_not_is_one_line(arch, flag, told):
    with pytest.raises(UserError) as refused:
        train.parse([f"--arch={arch}", flag])
    assert told in str(refused.value) and "\n" not in str(refused.value)


def test_help_has_the_fields_of_the_chosen_architecture_and_no_others(capsys):
    with pytest.raises(SystemExit):
        train.parse(["--arch=lenet5", "--help"])
    told = " ".join(re.sub(r"[│╭╮╰╯─]", " ", capsys.readouterr().out).split())
    assert re.search(r"--model.maps INT,INT .*\(default: 6,16\)", told)
    assert re.search(r"--model.pool \{true,false\} .*\(default: true\)", told)
    assert "--model.stem" not in told and "--plugin FILE.py|MODULE" in told


@pytest.mark.usefixtures("own_names")
def test_a_plug_ins_model_has_flags_and_a_place_in_a_grid(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "import jaxcnn\nfrom jaxcnn.models.lenet import LeNet\n"
        "@jaxcnn.register_model('mynet', image_size=32, channels=1)\n"
        "class MyNet(LeNet):\n    extra: str = 'x'\n"
    )
    args = [f"--plugin={file}", "--arch=mynet", "--model.extra=y"]
    assert train.parse(args).recipe.model == Model(fields={"extra": "y"})
    assert "mynet" in list_models()
    grid = [f"--plugin={file}", "--grid", "arch=mynet,lenet5", "model.pool=true,false"]
    assert sweep.parse(grid).recipe.arch == "mynet"
    with pytest.raises(UserError, match="did you mean 'mynet'?"):
        train.parse([f"--plugin={file}", "--arch=mynett"])
