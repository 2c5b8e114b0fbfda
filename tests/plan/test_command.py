"""python -m jaxcnn.plan: its arithmetic, and what it says of TPUs that are not there."""

import re
from dataclasses import replace

import jax
import pytest

from jaxcnn.data import dataset_spec
from jaxcnn.engine.program import build
from jaxcnn.plan import command as plan
from jaxcnn.plan import step_cost
from jaxcnn.plan.chips import CHIPS, chip_of, least_seconds
from jaxcnn.plan.collectives import Collective, collectives
from jaxcnn.plan.estimate import activation_bytes_per_image, memory_per_device
from jaxcnn.plan.largest_batch import DoesNotFit, largest_batch
from jaxcnn.plan.step_cost import StepCost
from jaxcnn.recipe import Mesh, recipe_for


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


def test_the_state_is_shared_over_fsdp_and_activations_over_all_devices():
    data = dataset_spec("digits")

    def memory(mesh):
        recipe = replace(recipe_for("mlp"), batch_size=64, mesh=mesh)
        program = build(recipe, data, steps_per_epoch=1, total_steps=1)
        return memory_per_device(recipe, data, program)

    one, eight = memory(Mesh(data=1)), memory(Mesh(data=1, fsdp=8))
    assert eight.activations == one.activations / 8
    # The kernel of 784 x 300 is split; 8 divides no side of 300 x 100, the rest is too small.
    split, weights = 784 * 300, 266_610
    assert one.parameters == one.gradients == 4 * weights
    assert eight.parameters == eight.gradients == 4 * (weights - split + split // 8)
    assert eight.optimizer_state - 2 * eight.parameters < 100  # Adam's two moments, and counters.


def test_activations_are_what_the_backward_pass_needs():
    """The linear model's gradient needs its flattened input, once."""
    data = dataset_spec("digits")
    recipe = recipe_for("linear")
    program = build(recipe, data, steps_per_epoch=1, total_steps=1)
    pixels = recipe.image_size**2
    assert activation_bytes_per_image(recipe, data, program) == 4 * pixels


# Of the training step's HLO for v5e, shortened; the loop's body and the awaiting half are in it.
HLO = """
%fused (p: f32[8]) -> f32[8] {
  %all-reduce.3 = f32[]{:T(128)} all-reduce(%p), channel_id=3, to_apply=%add
}
ENTRY %main {
  %all-reduce.1 = f32[5,5,1,6]{3,2,1,0:T(8,128)} all-reduce(%x), channel_id=1, to_apply=%add
  %all-reduce-start.2 = (f32[16]{0}, bf16[120,84]{1,0}) all-reduce-start(%y, %z), channel_id=2
  %all-reduce-done.2 = (f32[16]{0}, bf16[120,84]{1,0}) all-reduce-done(%all-reduce-start.2)
  %ag = (f32[30,84]{1,0}, f32[120,84]{1,0}) all-gather-start(%w), dimensions={0}
  %agd = f32[120,84]{1,0} all-gather-done(%ag)
  %cp = (u8[4,7]{1,0}, u8[4,7]{1,0}, u32[]{:S(2)}, u32[]{:S(2)}) collective-permute-start(%i)
  ROOT %rs = f32[30]{0} reduce-scatter(%v), dimensions={0}
}
"""


def test_collectives_are_counted_with_the_bytes_of_their_results():
    assert collectives(HLO) == {
        "all-reduce": Collective(3, 4 + 4 * 150 + 4 * 16 + 2 * 120 * 84),
        "all-gather": Collective(1, 4 * 120 * 84),
        "collective-permute": Collective(1, 28),
        "reduce-scatter": Collective(1, 120),
    }


def test_the_roofline_takes_the_longer_of_arithmetic_and_memory():
    chip = chip_of("v5e:4x4")
    assert least_seconds(chip, 197e12, 1.0) == (1.0, "arithmetic")
    assert least_seconds(chip, 1.0, 2 * 819e9) == (2.0, "memory")


@pytest.mark.parametrize("per_image, fits", [(10.0, 96), (9.0, 104), (1000.0, None)])
def test_the_largest_batch_is_found_by_one_compilation_more(per_image, fits):
    """A memory of 1,100 bytes of which the state takes 100."""
    compiled = []

    def compile_for(batch_size):
        compiled.append(batch_size)
        if 100 + per_image * batch_size > 1100:
            raise DoesNotFit(100 + per_image * batch_size, 1100)

    problem = DoesNotFit(100 + per_image * 256, 1100)
    assert largest_batch(256, problem, compile_for, unit=8, fixed_bytes=100) == fits
    assert compiled == ([fits] if fits else [])


def test_a_guess_that_does_not_fit_is_corrected_by_its_own_figures():
    """Memory that grows in jumps: 12 bytes an image below 100 images, 10 above."""
    compiled = []

    def compile_for(batch_size):
        compiled.append(batch_size)
        used = 100 + (10 if batch_size > 100 else 12) * batch_size
        if used > 1100:
            raise DoesNotFit(used, 1100)

    problem = DoesNotFit(2660, 1100)
    assert largest_batch(256, problem, compile_for, unit=8, fixed_bytes=100) == 80
    assert compiled == [96, 80]


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


# As libtpu 0.0.52 has them.
WHOLE = "RESOURCE_EXHAUSTED: Ran out of memory in memory space hbm. Used 25.50G of 15.75G hbm. "
WHOLE += "Exceeded hbm capacity by 9.75G. HLO module: jit_step."
TEMPORARIES = "RESOURCE_EXHAUSTED: E1000: CompileTimeHbmOom: Ran out of memory on HBM, the total "
TEMPORARIES += "memory required for HLO temporaries (167.39G) exceeds available HBM (15.75G). HLO "


@pytest.mark.parametrize("said, used", [(WHOLE, 25.5), (TEMPORARIES, 167.39)])
def test_what_the_compiler_says_of_memory_is_understood(said, used):
    problem = step_cost.out_of_memory(said)
    assert problem is not None
    assert (problem.used, problem.available) == (used * 2**30, 15.75 * 2**30)
    assert step_cost.out_of_memory("INTERNAL: something else") is None


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


def test_without_the_tpus_compiler_one_line_says_how_to_get_it(capsys, monkeypatch):
    monkeypatch.setattr(step_cost, "find_spec", lambda name: None)
    assert plan.main(["--arch=lenet5", "--topology=v5e:2x2"]) == 2
    error = capsys.readouterr().err
    assert "--topology needs libtpu" in error and "pip install '.[tpu]'" in error
    assert error.count("\n") == 1


def test_a_compiler_in_use_is_waited_for(monkeypatch, capsys):
    def described(**_):
        raise jax.errors.JaxRuntimeError(
            "ABORTED: Internal error when accessing libtpu multi-process lockfile. Run ..."
        )

    monkeypatch.setattr(step_cost, "find_spec", lambda name: name)
    monkeypatch.setattr(step_cost.topologies, "get_topology_desc", described)
    assert plan.main(["--arch=lenet5", "--topology=v5e:2x2"]) == 2
    error = capsys.readouterr().err
    assert "in use by another process" in error and error.count("\n") == 1


def test_every_generation_of_chips_names_its_source():
    for chip in CHIPS.values():
        assert chip.source.startswith("https://")


def test_the_table_row_tells_the_size_of_the_official_training_split():
    assert dataset_spec("cifar10").num_train == 50_000
