"""python -m jaxcnn.benchmark, against a stand-in for the interpreter that has torch and timm."""

import json
import subprocess
import sys

import jax
import numpy as np
import pytest

from jaxcnn.benchmark import command as benchmark
from jaxcnn.benchmark import contest, largest_batch, ours, peak
from jaxcnn.benchmark.ours import Ours
from jaxcnn.benchmark.rival import EAGER, timm
from jaxcnn.benchmark.workload import Workload, workload_of
from jaxcnn.errors import UserError
from jaxcnn.models import create_model, model_spec
from jaxcnn.models.spec import init_variables
from jaxcnn.xla import device_memory, support

WORKLOAD = Workload("linear", "train", batch_size=4, image_size=28, channels=1, num_classes=10)
# Answers as torch_rival.py does: every step takes 0.5 s, or compiled {compiled} s, it says.
ANSWERS = """#!{python}
import json, sys
eager = sys.argv[2] == "eager"
asked = json.loads(sys.stdin.readline())
print(json.dumps({{"versions": asked, "compile_seconds": 3.0}}), flush=True)
for line in sys.stdin:
    seconds = [0.5 if eager else {compiled}] * int(line)
    print(json.dumps({{"seconds": seconds, "peak_bytes": 7}}), flush=True)
"""


@pytest.fixture(autouse=True)
def small_products(monkeypatch):
    """The peak by smaller products is lower, and there sooner."""
    monkeypatch.setattr(peak, "ON_CPU", (256, 1))


def script_of(folder, text, **values):
    script = folder / "python"
    script.write_text(text.format(python=sys.executable, **values))
    script.chmod(0o755)
    return str(script)


@pytest.fixture
def stand_in(tmp_path):
    return script_of(tmp_path, ANSWERS, compiled=0.75)


def figures_of(capsys, *args):
    assert benchmark.main(list(args)) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("mode, passes", [("train", 3), ("infer", 1)])
def test_figures_agree_with_each_other(capsys, tmp_path, mode, passes):
    output = tmp_path / "figures.json"
    args = ("--arch=mlp", f"--mode={mode}", "--batch-size=32", "--rounds=2", f"--output={output}")
    figures = figures_of(capsys, *args)
    ours = figures["ours"]
    assert 0 < ours["lowest"] <= ours["images_per_second"] <= ours["highest"]
    assert ours["compile_seconds"] > 0 and ours["peak_bytes"] > 2**20
    assert ours["gmacs"] == pytest.approx((784 * 300 + 300 * 100 + 100 * 10) / 1e9)
    done = 2 * ours["gmacs"] * passes * ours["images_per_second"]
    assert ours["mfu"] == pytest.approx(done / figures["peak_gflops"])
    assert "ratio" not in figures and json.loads(output.read_text()) == figures


def test_the_ratio_is_our_images_per_second_over_theirs(capsys, stand_in):
    args = ("--arch=linear", "--batch-size=4", "--rounds=1", "--against=timm")
    figures = figures_of(capsys, *args, f"--python={stand_in}")
    assert figures["rival"]["images_per_second"] == 4 / 0.5
    assert figures["ratio"] == pytest.approx(figures["ours"]["images_per_second"] / 8)
    assert figures["rival"]["peak_bytes"] == 7
    share = figures["rival"]["mfu"] / figures["ours"]["mfu"]
    assert share == pytest.approx(1 / figures["ratio"])


@pytest.mark.parametrize("compiled, faster", [(0.25, "torch.compile"), (0.75, "eager")])
def test_the_rival_is_the_faster_of_its_two_forms(tmp_path, compiled, faster):
    python = script_of(tmp_path, ANSWERS, compiled=compiled)
    with contest.faster_timm(WORKLOAD, python) as rival:
        assert rival.form == faster
        assert rival.seconds(2) == [min(compiled, 0.5)] * 2


def test_where_torch_compile_fails_the_rival_is_eager_and_says_why(capsys, tmp_path):
    text = ANSWERS.replace("asked =", "if not eager: sys.exit('InductorError: no g++')\nasked =")
    args = ("--arch=linear", "--batch-size=4", "--rounds=1", "--against=timm")
    figures = figures_of(capsys, *args, f"--python={script_of(tmp_path, text, compiled=1)}")
    assert figures["rival"]["form"] == "eager"
    assert "InductorError: no g++" in figures["rival"]["compile_failed"]


def test_what_this_xla_lacks_is_said_in_one_line(capsys, monkeypatch):
    monkeypatch.setattr(benchmark, "computes_on_cpu", lambda: True)
    monkeypatch.setattr(support, "unsupported", lambda: ["oneDNN's convolution"])
    benchmark.say_what_is_missing()
    error = capsys.readouterr().err
    assert "lacks oneDNN's convolution" in error and error.count("\n") == 1
    monkeypatch.setattr(support, "unsupported", lambda: [])
    benchmark.say_what_is_missing()
    assert not capsys.readouterr().err


def test_the_first_step_of_a_turn_is_not_counted():
    def slow_to_start(steps):
        return [9.0] + [0.5] * (steps - 1)

    assert contest.time_in_turns([slow_to_start] * 2, 3) == [[0.5] * 3] * 2


def test_the_rival_is_sent_the_workload(stand_in):
    with timm(WORKLOAD, stand_in, EAGER) as rival:
        assert Workload(**rival.versions) == WORKLOAD
        assert rival.seconds(3) == [0.5] * 3


def test_an_interpreter_without_torch_is_refused_in_one_line(tmp_path):
    script = script_of(tmp_path, "#!{python}\nimport sys\nsys.exit('no torch here')\n")
    with pytest.raises(UserError, match="no torch here"):
        timm(WORKLOAD, script, EAGER)
    with pytest.raises(UserError, match="cannot be run"):
        timm(WORKLOAD, str(tmp_path / "missing"), EAGER)


def test_steps_are_queued_as_the_trainer_queues_them(monkeypatch):
    given, done, most = [], [], 0

    def step():
        nonlocal most
        given.append(len(given))
        most = max(most, len(given) - len(done))
        return given[-1]

    def wait(results):
        done.extend([results] if isinstance(results, int) else results)

    monkeypatch.setattr(ours.jax, "block_until_ready", wait)
    assert ours.seconds_of(step, 7) > 0
    assert done == given == list(range(7))
    assert most == ours.STEPS_IN_FLIGHT + 1


def test_on_an_accelerator_only_the_first_step_is_timed_by_itself(monkeypatch):
    monkeypatch.setattr(ours.jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(ours, "seconds_of", lambda step, steps: 2.0 if steps == 1 else 0.5 * steps)
    mlp = Ours(workload_of("mlp", 4))
    assert mlp.seconds(5) == [2.0, 0.5, 0.5, 0.5, 0.5]
    assert mlp.seconds(1) == [2.0]


def test_a_steps_operations_and_memory_are_the_models():
    mlp = Ours(workload_of("mlp", 32))
    assert mlp.flops_per_image == 2 * 3 * (784 * 300 + 300 * 100 + 100 * 10)
    # Parameters and momenta, which the step writes in place.
    assert mlp.program_bytes > 2 * 4 * model_spec("mlp").num_params


def test_the_largest_batch_is_the_largest_power_of_two_that_fits(monkeypatch):
    workload = workload_of("mlp", 1)
    limit = Ours(workload_of("mlp", 100)).program_bytes
    monkeypatch.setattr(device_memory, "limit_bytes", lambda: limit)
    found = largest_batch.largest_batch(workload)
    assert found.workload.batch_size == 64 and found.program_bytes <= limit
    assert Ours(workload_of("mlp", 128)).program_bytes > limit


def test_a_batch_that_runs_out_of_memory_is_halved(monkeypatch):
    def seconds(self, steps):
        if self.workload.batch_size > 8:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1 byte")
        return [0.1] * steps

    limit = Ours(workload_of("mlp", 40)).program_bytes
    monkeypatch.setattr(device_memory, "limit_bytes", lambda: limit)
    monkeypatch.setattr(Ours, "seconds", seconds)
    assert largest_batch.largest_batch(workload_of("mlp", 1)).workload.batch_size == 8


PLAIN_LOGITS = """
import json, sys
from jaxcnn.benchmark.flax_rival import put_plain_layers_in_place
put_plain_layers_in_place()
from flax import linen as nn
from jaxcnn.models import resnet
assert resnet.Conv is nn.Conv and resnet.BatchNorm is nn.BatchNorm
from tests.benchmark.test_command import logits_of
print(json.dumps([logits_of(*family) for family in json.loads(sys.argv[1])]))
"""
# Small: what takes time is to compile them.
FAMILIES = [
    ("resnet20", 16, {"blocks_per_stage": 1}),
    ("lenet5", 32, {}),
    ("vit_tiny_patch16_224", 32, {"depth": 1, "width": 16, "heads": 2}),
    ("convnext_tiny", 32, {"stages": (1, 1), "width": 8}),
]


def logits_of(arch, size, overrides):
    """Of random images; the weights are drawn by the names of the layers, in their order."""
    model, channels = create_model(arch, num_classes=5, **overrides), model_spec(arch).channels
    key = jax.random.key(0)
    shapes = jax.eval_shape(lambda: init_variables(model, key, (size, size), channels))
    rng = np.random.default_rng(0)
    variables = jax.tree.map(lambda s: rng.uniform(0.1, 0.3, s.shape).astype(s.dtype), shapes)
    images = rng.normal(size=(2, size, size, channels)).astype(np.float32)
    options = {"xla_backend_optimization_level": 0}
    return jax.jit(model.apply, compiler_options=options)(variables, images).tolist()


def test_plain_flax_is_the_same_network_of_flaxs_own_layers():
    command = [sys.executable, "-c", PLAIN_LOGITS, json.dumps(FAMILIES)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for family, plain in zip(FAMILIES, json.loads(done.stdout), strict=True):
        np.testing.assert_allclose(
            plain, logits_of(*family), rtol=2e-4, atol=2e-5, err_msg=family[0]
        )


def test_plain_flax_is_timed_in_a_process_of_its_own(capsys):
    args = ("--arch=linear", "--batch-size=4", "--rounds=1", "--against=flax")
    rival = figures_of(capsys, *args)["rival"]
    assert rival["form"] == "Flax Linen" and rival["versions"]["jax"] == jax.__version__
    assert rival["images_per_second"] > 0 and rival["compile_seconds"] > 0


def test_the_input_pipeline_is_timed_without_a_model(capsys):
    figures = figures_of(capsys, "--arch=lenet5", "--mode=input", "--rounds=1")
    assert figures["dataset"] == "digits" and figures["ours"]["images_per_second"] > 100


def test_the_table_has_a_row_per_workload(capsys, monkeypatch):
    ours = {"images_per_second": 12.3, "lowest": 11, "highest": 13, "peak_bytes": 2.5e9}
    ours |= {"compile_seconds": 9.6, "mfu": 0.41}

    def one(arch, mode, options):
        named = {"device": "cpu", "precision": options.precision}
        return {"arch": arch, "mode": mode, "ours": ours, **named}

    monkeypatch.setattr(benchmark, "one_of_all", one)
    assert benchmark.main(["--all"]) == 0
    device, _, header, _, *rows = capsys.readouterr().out.splitlines()
    assert device == "cpu, float32"
    assert len(rows) == len(benchmark.all_workloads())
    assert rows[0].startswith("| `resnet50` | infer | 12.3 (11 to 13) |")
    assert {line.count("|") for line in (header, *rows)} == {9}


@pytest.mark.parametrize(
    "args, message",
    [
        ([], "--arch=NAME or --all"),
        (["--all", "--arch=linear"], "--arch=NAME or --all"),
        (["--arch=resnet5"], "did you mean"),
        (["--arch=linear", "--rounds=0"], "--rounds=0"),
        (["--arch=linear", "--mode=input", "--against=timm"], "--mode=input"),
        (["--arch=linear", "--batch-size=auto"], "accelerator's memory"),
        (["--arch=linear", "--batch-size=auto", "--against=flax"], "--batch-size=auto"),
        (["--arch=linear", "--batch-size=some"], "--batch-size"),
        (["--arch=linear", "--output=/no/such/folder/x.json"], "folder does not exist"),
        (["--arch=linear", "--output=/"], "give a file"),
        (["--all", "--image-size=64"], "--image-size goes with --arch"),
        (["--all", "--mode=input"], "--mode goes with --arch"),
    ],
)
def test_wrong_input_is_one_line_and_exit_2(capsys, args, message):
    assert benchmark.main(args) == 2
    out, error = capsys.readouterr()
    assert message in error and error.count("\n") == 1 and not out
