"""Several processes on this machine, four devices between them, against one that has all four."""

import errno
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest
from rich.console import Console

import jaxcnn
from jaxcnn.errors import UserError
from jaxcnn.processes import distributed
from jaxcnn.processes.distributed import Distributed, check, join, reason_of_end, several_indicated
from jaxcnn.recipe import Mesh, recipe_for
from jaxcnn.train import command as train_module
from jaxcnn.train.fit import fit

DEVICES = 4
# 1,257 training images: 9 steps an epoch. 180 images to validate on, no multiple of 128.
FLAGS = ["--arch=lenet5", "--batch-size=128", "--epochs=2", "--checkpoint-every-steps=4"]
# Sums over processes are added in another order than those over devices, so the last bits of
# float32 differ; parameters are below 1.
ROUNDING = 1e-6


class Together:
    """`count` processes that run one command line, and what they print."""

    def __init__(self, count: int, module: str, flags: list[str], timeout: int = 300) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment = {
            **os.environ,
            "PYTHONPATH": str(Path(jaxcnn.__file__).parents[1]),
            "JAX_PLATFORMS": "cpu",
            "JAX_NUM_CPU_DEVICES": str(DEVICES // count),
        }
        self.processes = [
            subprocess.Popen(
                [
                    sys.executable, "-m", f"jaxcnn.{module}", *flags,
                    f"--distributed.coordinator=127.0.0.1:{port}",
                    f"--distributed.num-processes={count}",
                    f"--distributed.process-id={index}",
                    f"--distributed.timeout={timeout}",
                ],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment,
            )
            for index in range(count)
        ]  # fmt: skip

    def end(self, *indices: int) -> list[tuple[int, str, str]]:
        """Status and what was printed, of all processes or of some."""
        chosen = [self.processes[index] for index in indices] or self.processes
        printed = [process.communicate(timeout=600) for process in chosen]
        return [(process.returncode, *text) for process, text in zip(chosen, printed, strict=True)]

    def __enter__(self) -> "Together":
        return self

    def __exit__(self, *error: object) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 300
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert path.exists()


def state_at(workdir: Path, step: int):
    """A checkpoint's arrays, whatever devices they were saved from."""
    path = workdir.absolute() / "checkpoints" / f"{step}/state"
    checkpointer = ocp.StandardCheckpointer()
    shapes = checkpointer.metadata(path).item_metadata.tree
    on_host = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
    return checkpointer.restore(path, on_host)


def assert_close(ours, theirs) -> None:
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for one, two in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(one, two, rtol=0, atol=ROUNDING)


def lines_of(workdir: Path) -> list[dict]:
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def assert_same_run(ours: Path, theirs: Path) -> None:
    assert_close(state_at(ours, 18), state_at(theirs, 18))
    for one, two in zip(lines_of(ours), lines_of(theirs), strict=True):
        for name in ("images_per_second", "waiting_for_data", "data_seconds"):
            one.pop(name), two.pop(name)
        assert one == pytest.approx(two, abs=1e-6)


def train_alone(workdir: Path, mesh: Mesh) -> dict:
    recipe = train_module.parse(FLAGS).recipe
    recipe = type(recipe)(**{**vars(recipe), "mesh": mesh})
    return fit(recipe, workdir, console=Console(file=io.StringIO()))


@pytest.fixture(scope="module")
def alone(tmp_path_factory, drawn):
    """The run of one process over data=2 x fsdp=2."""
    folder = tmp_path_factory.mktemp("alone")
    with drawn():
        train_alone(folder, Mesh(data=2, fsdp=2))
    return folder


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """The same run of two processes: (folder, what they printed)."""
    folder = tmp_path_factory.mktemp("pair")
    flags = [*FLAGS, "--mesh.data=2", "--mesh.fsdp=2", f"--workdir={folder}"]
    with Together(2, "train", flags) as together:
        return folder, together.end()


def test_two_processes_train_to_the_parameters_of_one(alone, pair):
    folder, printed = pair
    assert [status for status, _, _ in printed] == [0, 0]
    assert_same_run(folder, alone)


def test_the_first_process_alone_shows_and_writes_things(pair, alone):
    folder, ((_, _, first), (_, out, error)) = pair
    assert "epoch   2/2" in first
    assert "Gloo" not in first
    assert (out, error) == ("", "")
    assert {path.name for path in folder.iterdir()} == {path.name for path in alone.iterdir()}
    assert len(list((folder / "tensorboard").iterdir())) == 1
    assert [line["step"] for line in lines_of(folder)] == [9, 18]


def test_summary_and_report_are_of_every_example(pair, alone):
    ours, theirs = (
        json.loads((folder / "summary.json").read_text()) for folder in (pair[0], alone)
    )
    assert (ours["val"]["n"], ours["test"]["n"]) == (180, 360)
    assert ours["test"] == pytest.approx(theirs["test"], abs=1e-6)
    classes = (pair[0] / "report" / "classes.json").read_text()
    assert json.loads(classes)["macro avg"]["support"] == 360
    assert classes == (alone / "report" / "classes.json").read_text()


def test_four_processes_evaluate_the_checkpoint_of_two(pair):
    folder, _ = pair
    # A recipe's mesh is of as many devices as there are now.
    with Together(4, "evaluate", [f"--workdir={folder}"]) as together:
        (status, out, _), *others = together.end()
    assert status == 0
    figures, summary = json.loads(out), json.loads((folder / "summary.json").read_text())
    assert {name: figures[name] for name in summary["test"]} == pytest.approx(summary["test"])
    assert others == [(0, "", "")] * 3


def test_sigterm_to_one_stops_all_at_one_step_and_one_alone_goes_on(alone, tmp_path):
    """What two processes left is taken up by one."""
    flags = [*FLAGS, "--mesh.data=2", "--mesh.fsdp=2", f"--workdir={tmp_path}"]
    with Together(2, "train", flags) as together:
        wait_for(tmp_path / "recipe.json")
        together.processes[1].send_signal(signal.SIGTERM)
        (first, _, text), (second, _, other) = together.end()
    assert (first, second) == (0, 0)
    stopped = [int(re.findall(r"stopped at step (\d+) of 18", error)[0]) for error in (text, other)]
    assert stopped[0] == stopped[1]
    assert (tmp_path / "checkpoints" / str(stopped[0])).is_dir()
    train_alone(tmp_path, Mesh(data=2, fsdp=2))
    assert_same_run(tmp_path, alone)


def lose(index: int, number: signal.Signals, workdir: Path, timeout: int) -> tuple[float, str]:
    """Seconds the other of two processes lives on, and what it says."""
    flags = ["--arch=mlp", "--epochs=500", f"--workdir={workdir}"]
    with Together(2, "train", flags, timeout) as together:
        wait_for(workdir / "metrics.jsonl")
        together.processes[index].send_signal(number)
        start = time.monotonic()
        ((status, _, error),) = together.end(1 - index)
    assert status == 1
    # Process 0 has told of epochs before.
    lines = [line for line in error.splitlines() if line.startswith("python -m")]
    assert len(lines) == 1
    assert error.rstrip().endswith(lines[0])
    assert "Traceback" not in error
    return time.monotonic() - start, lines[0]


# Under `slow`, for a machine that does nothing else: a shorter wait would take one that is busy for
# processes that are lost.
@pytest.mark.slow
@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_lost_process_ends_the_other_with_its_number(tmp_path, number, index):
    seconds, line = lose(index, number, tmp_path, timeout=40)
    assert f"process {index} is gone or silent" in line
    assert seconds < 60


@pytest.mark.slow
@pytest.mark.parametrize("index", [0, 1])
def test_a_process_whose_data_stands_still_is_named_by_all(tmp_path, index):
    flags = [*FLAGS[:2], "--epochs=1000", "--workers=1", f"--workdir={tmp_path}"]
    with Together(2, "train", [*flags, "--distributed.stall-timeout=10"]) as together:
        wait_for(tmp_path / "checkpoints" / "9")
        children = [
            int(child)
            for task in Path(f"/proc/{together.processes[index].pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
        for child in children:
            os.kill(child, signal.SIGSTOP)
        try:
            for process in together.processes:
                process.wait(timeout=120)
        finally:  # They hold the pipes on which it is read what was printed.
            for child in children:
                os.kill(child, signal.SIGKILL)
        for status, _, error in together.end():
            assert status == 1
            assert f": process {index} lives but began no batch for 10 s" in error


@pytest.mark.slow
@pytest.mark.parametrize(("count", "fsdp"), [(2, 1), (4, 1), (4, 2), (2, 4), (4, 4)])
def test_any_number_of_processes_trains_to_the_parameters_of_one(tmp_path, count, fsdp):
    mesh = Mesh(data=DEVICES // fsdp, fsdp=fsdp)
    train_alone(tmp_path / "alone", mesh)
    flags = [f"--mesh.data={mesh.data}", f"--mesh.fsdp={fsdp}", f"--workdir={tmp_path / 'all'}"]
    with Together(count, "train", [*FLAGS, *flags]) as together:
        assert [status for status, _, _ in together.end()] == [0] * count
    assert_same_run(tmp_path / "all", tmp_path / "alone")


@pytest.mark.slow
def test_a_killed_run_started_again_ends_with_the_same_parameters(alone, tmp_path):
    flags = [*FLAGS, "--mesh.data=2", "--mesh.fsdp=2", f"--workdir={tmp_path}"]
    with Together(2, "train", flags, timeout=40) as together:
        wait_for(tmp_path / "checkpoints" / "4")
        together.processes[1].kill()
        assert together.end(0)[0][0] == 1
    with Together(2, "train", flags) as together:
        assert [status for status, _, _ in together.end()] == [0, 0]
    assert_same_run(tmp_path, alone)


@pytest.mark.slow
@pytest.mark.parametrize("index", [0, 1])
def test_processes_that_do_not_come_end_the_wait_in_time(index):
    with Together(2, "train", FLAGS, timeout=2) as together:
        together.processes[1 - index].kill()
        ((status, _, error),) = together.end(index)
    assert status == 1
    assert error.count("\n") == 1
    assert ("not all of 2 processes came within 2 s", "process 0 at 127.0.0.1")[index] in error


THREE = ["--distributed.coordinator=localhost:1234", "--distributed.num-processes=2"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (THREE, "--distributed.process-id must be given too"),
        (["--distributed.process-id=0"], "coordinator and --distributed.num-processes must be"),
        (["--distributed.num-processes=2"], "and --distributed.process-id must be given too"),
        ([*THREE, "--distributed.process-id=2"], "process-id=2 is out of range; give 0 to 1"),
        (["--distributed.num-processes=0"], "num-processes=0 is out of range"),
        ([*THREE[1:], "--distributed.process-id=0", "--distributed.coordinator=here"],
         "coordinator=here is not HOST:PORT, as 10.0.0.1:8476 is"),
        ([*THREE, "--distributed.process-id=0", "--distributed.timeout=0"], "timeout=0 is out of"),
        (["--distributed.stall-timeout=0"], "stall-timeout=0 is out of range; give 1 or more"),
        (["--distributed.process-id=one"], "--distributed.process-id"),
    ],
)  # fmt: skip
def test_wrong_flags_exit_2_with_one_line(flags, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert train_module.main(["--arch=lenet5", *flags, "--no-compilation-cache"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_port_that_is_taken_is_refused(capsys):
    with socket.socket(socket.AF_INET6) as taken:
        taken.bind(("::", 0))
        taken.listen()
        address = f"localhost:{taken.getsockname()[1]}"
        flags = ["--distributed.num-processes=2", "--distributed.process-id=0"]
        args = ["--arch=lenet5", f"--distributed.coordinator={address}", *flags]
        assert train_module.main([*args, "--no-compilation-cache"]) == 2
    assert f"{address}: process 0 cannot listen there" in capsys.readouterr().err


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def listening_at(monkeypatch):
    """`listening_at(coordinator)`: where process 0 would listen."""

    def of(coordinator):
        started = {}
        nowhere = SimpleNamespace(end=None)
        monkeypatch.setattr(distributed, "_NativeMessages", lambda program: nowhere)
        monkeypatch.setattr(distributed, "_stalls", None)
        monkeypatch.setattr(distributed, "Stalls", lambda *args: None)
        monkeypatch.setattr(jax.distributed, "initialize", lambda *args, **kw: started.update(kw))
        join(Distributed(coordinator, num_processes=2, process_id=0), "program")
        return started["coordinator_bind_address"]

    return of


# Of no machine: RFC 5737.
ELSEWHERE = "192.0.2.1"


@pytest.mark.parametrize(
    ("number", "at_bind"), [(errno.EAFNOSUPPORT, False), (errno.EADDRNOTAVAIL, True)]
)
def test_without_ipv6_process_0_listens_on_ipv4(monkeypatch, number, at_bind, listening_at, port):
    """The kernel has no IPv6, or has it switched off: jax itself would listen at [::]."""

    class OnlyIPv4(socket.socket):
        def __init__(self, family=socket.AF_INET, *args, **options):
            if family == socket.AF_INET6 and not at_bind:
                raise OSError(number, os.strerror(number))
            super().__init__(family, *args, **options)

        def bind(self, address):
            if self.family == socket.AF_INET6:
                raise OSError(number, os.strerror(number))
            super().bind(address)

    monkeypatch.setattr(distributed.socket, "socket", OnlyIPv4)
    assert listening_at(f"{ELSEWHERE}:{port}") == f"0.0.0.0:{port}"


def names(monkeypatch, table):
    """The names that this machine knows, and their IPv4 addresses."""

    def getaddrinfo(host, *args, **options):
        if host not in table:
            raise socket.gaierror(socket.EAI_NONAME, "not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (table[host], 0))]

    monkeypatch.setattr(distributed.socket, "getaddrinfo", getaddrinfo)


def test_process_0_listens_at_the_address_given(listening_at, port, capsys, monkeypatch):
    assert listening_at(f"127.0.0.1:{port}") == f"127.0.0.1:{port}"
    assert listening_at(f"localhost:{port}") == f"127.0.0.1:{port}"
    names(monkeypatch, {"head": "127.0.0.1", "127.0.0.1": "127.0.0.1"})
    monkeypatch.setattr(distributed, "ip_address", lambda text: SimpleNamespace(is_loopback=False))
    assert listening_at(f"head:{port}") == f"127.0.0.1:{port}"
    assert not capsys.readouterr().err


@pytest.mark.parametrize("host", ["router", "debian", "unknown", ELSEWHERE])
def test_where_the_address_is_anothers_process_0_listens_at_all_and_says_so(
    host, listening_at, port, capsys, monkeypatch
):
    """Another machine could not reach the loopback address that is this one's name on Debian."""
    names(monkeypatch, {"router": ELSEWHERE, "debian": "127.0.1.1", ELSEWHERE: ELSEWHERE})
    assert listening_at(f"{host}:{port}") in (f"[::]:{port}", f"0.0.0.0:{port}")
    told = f"program: {host} is no address of this machine's; process 0 listens at all of them"
    assert capsys.readouterr().err == f"{told}\n"


LISTENS = """
import os, sys, threading, time
from pathlib import Path
from jaxcnn.processes.distributed import Distributed, join

port = int(sys.argv[1])
flags = Distributed(f"127.0.0.1:{port}", num_processes=2, process_id=0)
threading.Thread(target=join, args=(flags, "program"), daemon=True).start()
while True:
    lines = [line.split() for f in ("tcp", "tcp6") for line in Path("/proc/net", f).open()]
    listening = [at for _, at, _, state, *_ in lines if state == "0A"]
    if any(at.endswith(f":{port:04X}") for at in listening):
        print(*(at for at in listening if at.endswith(f":{port:04X}")), flush=True)
        os._exit(0)
    time.sleep(0.01)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/net is Linux's")
def test_nobody_else_reaches_a_coordinator_on_the_loopback_address(port):
    command = [sys.executable, "-c", LISTENS, str(port)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    # In hexadecimal digits, of IPv6 perhaps; the last eight are one number of this machine's.
    (address,) = {at.split(":")[0] for at in done.stdout.split()}
    assert socket.inet_ntoa(int(address[-8:], 16).to_bytes(4, sys.byteorder)) == "127.0.0.1"


def test_one_process_by_itself_may_be_asked_for():
    check(Distributed(num_processes=1))
    with pytest.raises(UserError):
        check(Distributed(num_processes=2))


SLURM = {"SLURM_STEP_NODELIST": "node[1-2]", "SLURM_PROCID": "0"}


@pytest.mark.parametrize(
    ("environment", "several"),
    [
        ({}, False),
        ({**SLURM, "SLURM_NTASKS": "2"}, True),
        ({**SLURM, "SLURM_NTASKS": "1"}, False),
        ({"SLURM_NTASKS": "2"}, False),  # A batch script itself.
        ({"OMPI_COMM_WORLD_SIZE": "2"}, True),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, False),  # A notebook in a pod.
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "JOB_COMPLETION_INDEX": "0"}, True),
        ({"TPU_ML_PLATFORM": "JAX"}, True),
    ],
)
def test_only_an_environment_of_several_processes_is_asked_for_them(
    monkeypatch, environment, several
):
    for name in [*os.environ]:
        if name.startswith(("SLURM_", "OMPI_", "KUBERNETES_", "JOB_", "TPU_")):
            monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert several_indicated() == several


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("absl::Status: UNAVAILABLE: The following tasks are unhealthy (stopped sending "
         "heartbeats):\n3\n1\nThe tasks have crashed.", "processes 1, 3 are gone or silent"),
        ("absl::Status: UNAVAILABLE: Failed to send RPC to coordination service.",
         "process 0 is gone or silent"),
        ("absl::Status: DEADLINE_EXCEEDED: Deadline Exceeded\n\n"
         "RPC: /xla.coordination.CoordinationService/Heartbeat", "process 0 is gone or silent"),
        ("absl::Status: DEADLINE_EXCEEDED: Deadline Exceeded\n\n"
         "RPC: /xla.coordination.CoordinationService/RegisterTask", "process 0 cannot be reached"),
        ("absl::Status: INTERNAL: something new\nmore", "is lost (INTERNAL: something new)"),
    ],
)  # fmt: skip
def test_the_last_words_of_jax_become_one_line(message, reason):
    line = reason_of_end(message)
    assert reason in line
    assert "\n" not in line


def test_a_recipe_does_not_know_of_processes():
    """It may be resumed by any number of them."""
    assert "distributed" not in vars(recipe_for("lenet5", "digits"))
