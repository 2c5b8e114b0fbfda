"""python -m jaxcnn.benchmark, against a stand-in for the interpreter that has torch and timm."""

import json
import sys

import pytest

from jaxcnn import benchmark, cli, launch
from jaxcnn.benchmarks import contest
from jaxcnn.benchmarks.rival import Rival
from jaxcnn.benchmarks.workload import Workload
from jaxcnn.errors import UserError
from jaxcnn.xla import flags, support

WORKLOAD = Workload("linear", "train", batch_size=4, image_size=28, channels=1, num_classes=10)
# Answers as torch_rival.py does: every step takes 0.5 s, or compiled {compiled} s, it says.
ANSWERS = """#!{python}
import json, sys
eager = sys.argv[2] == "eager"
asked = json.loads(sys.stdin.readline())
print(json.dumps({{"torch": "1", "timm": "2", "asked": asked}}), flush=True)
for line in sys.stdin:
    seconds = [0.5 if eager else {compiled}] * int(line)
    print(json.dumps({{"seconds": seconds, "peak_bytes": 7}}), flush=True)
"""


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
    assert ours["fraction_of_peak"] == pytest.approx(done / figures["peak_gflops"])
    assert "ratio" not in figures and json.loads(output.read_text()) == figures


def test_the_ratio_is_our_images_per_second_over_theirs(capsys, stand_in):
    args = ("--arch=linear", "--batch-size=4", "--rounds=1", "--against=timm")
    figures = figures_of(capsys, *args, f"--python={stand_in}")
    assert figures["rival"]["images_per_second"] == 4 / 0.5
    assert figures["ratio"] == pytest.approx(figures["ours"]["images_per_second"] / 8)
    assert figures["rival"]["peak_bytes"] == 7


@pytest.mark.parametrize("compiled, faster", [(0.25, "torch.compile"), (0.75, "eager")])
def test_the_rival_is_the_faster_of_its_two_forms(tmp_path, compiled, faster):
    python = script_of(tmp_path, ANSWERS, compiled=compiled)
    with contest.faster_rival(WORKLOAD, python) as rival:
        assert rival.form == faster
        assert rival.seconds(2) == [min(compiled, 0.5)] * 2


def test_where_torch_compile_fails_the_rival_is_eager_and_says_why(capsys, tmp_path):
    text = ANSWERS.replace("asked =", "if not eager: sys.exit('InductorError: no g++')\nasked =")
    args = ("--arch=linear", "--batch-size=4", "--rounds=1", "--against=timm")
    figures = figures_of(capsys, *args, f"--python={script_of(tmp_path, text, compiled=1)}")
    assert figures["rival"]["form"] == "eager"
    assert "InductorError: no g++" in figures["rival"]["compile_failed"]


def test_what_this_xla_lacks_is_said_in_one_line(capsys, monkeypatch):
    monkeypatch.setattr(flags, "computes_on_cpu", lambda: True)
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


def test_the_rival_runs_without_our_settings_of_the_allocator(monkeypatch, tmp_path):
    text = "#!{python}\nimport json, os\ninput()\n"
    text += "print(json.dumps(os.environ['GLIBC_TUNABLES']), flush=True)\n"
    script = script_of(tmp_path, text)
    ours = f"{launch.FEW_ARENAS}:{launch.LARGE_PAGES}"
    monkeypatch.setenv("GLIBC_TUNABLES", f"glibc.malloc.check=0:{ours}")
    with Rival(WORKLOAD, script) as rival:
        assert rival.versions == "glibc.malloc.check=0"


def test_the_rival_is_sent_the_workload(stand_in):
    with Rival(WORKLOAD, stand_in) as rival:
        assert Workload(**rival.versions["asked"]) == WORKLOAD
        assert rival.seconds(3) == [0.5] * 3


def test_an_interpreter_without_torch_is_refused_in_one_line(tmp_path):
    script = script_of(tmp_path, "#!{python}\nimport sys\nsys.exit('no torch here')\n")
    with pytest.raises(UserError, match="no torch here"):
        Rival(WORKLOAD, script)
    with pytest.raises(UserError, match="cannot be run"):
        Rival(WORKLOAD, str(tmp_path / "missing"))


def test_the_input_pipeline_is_timed_without_a_model(capsys):
    figures = figures_of(capsys, "--arch=lenet5", "--mode=input", "--rounds=1")
    assert figures["dataset"] == "digits" and figures["ours"]["images_per_second"] > 100


def test_the_table_has_a_row_per_workload(capsys, monkeypatch):
    ours = {"images_per_second": 12.3, "lowest": 11, "highest": 13, "peak_bytes": 2.5e9}
    ours |= {"compile_seconds": 9.6, "fraction_of_peak": 0.41}

    def one(arch, mode, options):
        return {"arch": arch, "mode": mode, "ours": ours}

    monkeypatch.setattr(benchmark, "one_of_all", one)
    assert benchmark.main(["--all"]) == 0
    header, _, *rows = capsys.readouterr().out.splitlines()
    assert len(rows) == len(benchmark.all_workloads())
    assert rows[0].startswith("| `resnet50` | infer | 12.3 (11 to 13) |")
    assert {line.count("|") for line in (header, *rows)} == {9}


@pytest.mark.parametrize("started_by, restarts", [("command", 1), ("notebook", 0)])
def test_only_as_a_command_it_restarts_with_the_allocators_settings(
    monkeypatch, started_by, restarts
):
    restarted = []
    monkeypatch.setattr(cli, "restart_with_malloc_settings", lambda: restarted.append(1))
    monkeypatch.setattr(benchmark, "main", lambda: 0)
    monkeypatch.setattr(sys, "argv", ["benchmark", f"--started-by={started_by}"])
    with pytest.raises(SystemExit, match="0"):
        benchmark.start()
    assert len(restarted) == restarts


@pytest.mark.parametrize(
    "args, message",
    [
        ([], "--arch=NAME or --all"),
        (["--all", "--arch=linear"], "--arch=NAME or --all"),
        (["--arch=resnet5"], "did you mean"),
        (["--arch=linear", "--rounds=0"], "--rounds=0"),
        (["--arch=linear", "--mode=input", "--against=timm"], "--mode=input"),
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
