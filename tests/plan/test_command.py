"""python -m jaxcnn.plan: its arithmetic, and what it says of TPUs that are not there."""

import re

import pytest

from jaxcnn.plan import command as plan
from jaxcnn.plan import step_cost
from jaxcnn.plan.collectives import Collective
from jaxcnn.plan.largest_batch import DoesNotFit
from jaxcnn.plan.step_cost import StepCost


def planned(capsys, *args):
    """What is printed, as {label: text}; the first of equal labels counts."""
    assert plan.main(list(args)) == 0
    lines = capsys.readouterr().out.splitlines()
    pairs = (re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in lines)
    return {pair[0]: pair[1] for pair in reversed(list(pairs)) if len(pair) == 2}, lines


LENET = ["--arch=lenet5", "--dataset=mnist", "--data-dir=/nowhere", "--batch-size=128"]


def test_a_set_that_is_not_there_is_planned_by_its_table_row(capsys):
    """MNIST's 60,000 less the tenth held out; LeNet's parameters with AdamW's two moments."""
    figures, lines = planned(capsys, *LENET, "--epochs=2", "--mesh.data=8")
    assert figures["parameters"] == "61,706"
    assert figures["training images"] == "54,000"
    assert figures["batch"].startswith("128 = 8 device(s) x 1 part(s) x 16;")
    assert figures["steps an epoch"] == f"{54000 // 128}, {54000 % 128} images left over"
    assert figures["steps"] == f"{2 * (54000 // 128)} = 2 epochs"
    assert figures["GMACs an image"].startswith("0.0004165 at 32x32")
    memory = lines[lines.index("memory on each device, estimated from shapes") + 1 :]
    sizes = dict(re.split(r"\s{2,}", line.strip()) for line in memory[:7])
    assert sizes["parameters"] == sizes["gradients"] == "246.8 kB"
    assert sizes["optimizer state"] == "493.7 kB" and sizes["averages"] == "0 B"


def test_flags_say_what_the_data_would(capsys):
    args = ["--arch=lenet5", "--dataset=image_folder", "--image-size=32", "--batch-size=8"]
    args += ["--num-classes=7", "--num-train=1000", "--mesh.data=1"]
    figures, lines = planned(capsys, *args)
    assert lines[0] == "lenet5 on image_folder, 7 classes"
    assert figures["steps an epoch"].startswith("125, 0 images")


def test_the_learning_rate_is_that_of_the_recipe(capsys):
    args = [*LENET, "--steps=101", "--optim.lr=0.5", "--mesh.data=1"]
    _, lines = planned(capsys, *args, "--schedule.name=step", "--schedule.warmup-epochs=0")
    rows = [line.split() for line in lines[lines.index("learning rate (epoch, step, rate)") + 1 :]]
    assert [int(row[1]) for row in rows] == list(range(0, 101, 10))
    rates = [float(row[2]) for row in rows]
    assert rates[:5] == [0.5] * 5 and rates[-2:] == [0.005] * 2
    assert [len(row[3]) for row in rows[:8]] == [40] * 5 + [4] * 3


COST = StepCost(
    state_bytes=10**9,
    temporary_bytes=2 * 10**9,
    code_bytes=10**7,
    flops=197e12 / 100,
    hbm_bytes=819e9 / 10,
    collectives={"all-reduce": Collective(3, 1234)},
)


@pytest.fixture
def eight_chips(monkeypatch):
    """A compiler with the memory for 64 LeNet images, and this machine's simulated devices."""
    compiled = []

    def compile_for(program, batch_size, shape):
        compiled.append(batch_size)
        assert shape == (32, 32, 1) and program.rows.mesh.size == 8
        if batch_size > 64:
            raise DoesNotFit(2e6 + 4e4 * batch_size, 2e6 + 4e4 * 64)
        return COST

    monkeypatch.setattr(step_cost, "topology_devices", lambda topology: None)
    monkeypatch.setattr(step_cost, "step_cost", compile_for)
    return compiled


ON_TPU = ["--arch=lenet5", "--dataset=mnist", "--data-dir=/nowhere", "--topology=v5e:2x4"]


def test_the_compilers_figures_are_reported_with_the_time_they_take_at_least(capsys, eight_chips):
    figures, _ = planned(capsys, *ON_TPU, "--batch-size=64", "--steps=3600")
    assert figures["memory of a chip"] == "3.01 GB of 16 GB"
    assert figures["all-reduce"] == "3 x, 1.234 kB together"
    assert figures["roofline"].startswith("100 ms a step at least, bound by memory")
    assert figures["images a second"] == "640 at most"
    assert figures["hours for all steps"] == "0.1 at least"
    assert eight_chips == [64]


def test_a_step_that_does_not_fit_exits_1_with_the_largest_batch_that_does(capsys, eight_chips):
    assert plan.main([*ON_TPU, "--batch-size=512"]) == 1
    error = capsys.readouterr().err
    assert "--batch-size=512 does not fit v5e:2x4: it takes 22.48 MB of 4.56 MB a chip" in error
    best = int(re.search(r"--batch-size=(\d+) does$", error.strip())[1])
    assert best == eight_chips[-1] <= 64 and best % 8 == 0 and best >= 56
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "--arch=NAME is missing"),
        (["--arch=lenet5", "--topology=v9:2x2"], "--topology=v9:2x2 is unknown; give v4, v5e"),
        (["--arch=lenet5", "--topology=v5e"], "and the chips each way, as in v5e:4x4"),
        (["--arch=lenet5", "--batch-size=100"], "does not split over 8 device(s) x 1 part(s); 96"),
        (["--arch=lenet5", "--num-train=0"], "--num-train=0 is out of range"),
        (["--arch=resnet50", "--dataset=image_folder"], "give its --num-classes=N"),
        (["--arch=resnet50", "--dataset=image_folder", "--num-classes=9"], "give its --num-train"),
        (["--arch=lenet5", "--batch-size=4000"], "does not fit 1257 training examples"),
        (["--arch=lenet5", "--optim.lr=-1"], "--optim.lr=-1.0 is out of range"),
    ],
)
def test_wrong_input_exits_2_with_one_line(args, message, capsys):
    assert plan.main(args) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
