"""The scripts of tpu_scripts/ against a stand-in for gcloud, kubectl and sbatch that keeps its
calls."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

SCRIPTS = Path(__file__).resolve().parent.parent / "tpu_scripts"
# Appends its name, arguments and standard input to calls.jsonl; answers `describe` with the next
# line of states.txt, an error if it has a colon; ends with the next status of fail/PART where that
# is part of its arguments. Keeps what is copied.
STAND_IN = """#!{python} -IS
import json, pathlib, shutil, sys
here = pathlib.Path({folder!r})
name, args = pathlib.Path(sys.argv[0]).name, sys.argv[1:]
text = sys.stdin.read() if name == "kubectl" else ""
with (here / "calls.jsonl").open("a") as calls:
    calls.write(json.dumps([name, *args, *filter(None, [text])]) + "\\n")
if "describe" in args:
    state, *states = (here / "states.txt").read_text().splitlines()
    (here / "states.txt").write_text("\\n".join(states))
    if ":" in state:
        sys.exit("ERROR: (gcloud.compute.tpus.tpu-vm.describe) " + state)
    print(state)
    print("WARNING: Updates are available", file=sys.stderr)
if "scp" in args:
    archive = pathlib.Path(args[4])
    shutil.copy2(archive, here / "copied.tar.gz")
    (here / "modes.txt").write_text(f"{{archive.parent.stat().st_mode:o}}")
for fail in (here / "fail").glob("*"):
    if fail.name in " ".join(args):
        status, *more = fail.read_text().split()
        fail.write_text(" ".join(more)) if more else fail.unlink()
        sys.exit(int(status))
"""
PLACE = ["--name=pod", "--zone=us-west4-a"]
ZONE = "--zone=us-west4-a"
TRAIN = ["python", "-m", "jaxcnn.train", "--arch=resnet50"]


class Cloud:
    """The scripts in a repository of their own, and what they called."""

    def __init__(self, folder: Path, scripts: Path) -> None:
        self.folder = folder
        self.scripts = scripts
        self.environment = {
            **os.environ,
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "TMPDIR": str(folder),
        }
        (folder / "bin").mkdir()
        (folder / "fail").mkdir()
        for name in ("gcloud", "kubectl", "sbatch", "sleep", "srun", "scontrol"):
            path = folder / "bin" / name
            path.write_text(STAND_IN.format(python=sys.executable, folder=str(folder)))
            path.chmod(0o755)

    def run(self, script: str, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.scripts / script), *args],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    @property
    def calls(self) -> list[list[str]]:
        log = self.folder / "calls.jsonl"
        lines = log.read_text().splitlines() if log.exists() else []
        return [json.loads(any_archive(line)) for line in lines]

    def states(self, *states: str) -> None:
        (self.folder / "states.txt").write_text("\n".join(states))

    def fail(self, part: str, *statuses: int) -> None:
        """Of the next calls with `part` in their arguments."""
        (self.folder / "fail" / part).write_text(" ".join(map(str, statuses)))


def any_archive(text: str) -> str:
    """With what `mktemp` makes of the name of sync.sh's archive as it is given to it."""
    return re.sub(r"/jaxcnn\.\w{10}/", "/jaxcnn.XXXXXXXXXX/", text)


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    repository = tmp_path_factory.mktemp("repository")
    shutil.copytree(SCRIPTS, repository / "tpu_scripts")
    git = ["git", "-C", str(repository), "-c", "user.name=n", "-c", "user.email=e"]
    for args in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message=first"]):
        subprocess.run([*git, *args], check=True)
    return repository / "tpu_scripts"


@pytest.fixture
def cloud(tmp_path, scripts):
    return Cloud(tmp_path, scripts)


def tpu_vm(verb, *args):
    return ["gcloud", "compute", "tpus", "tpu-vm", verb, *args]


def queued_resources(verb, *args):
    return ["gcloud", "compute", "tpus", "queued-resources", verb, *args]


V5E = "v2-alpha-tpuv5-lite"
CREATE = tpu_vm("create", "pod", ZONE, "--accelerator-type=v5litepod-16", f"--version={V5E}")
DESCRIBE = tpu_vm("describe", "pod", ZONE, "--format=value(state)")
DESCRIBE_QUEUED = queued_resources("describe", "pod", ZONE, "--format=value(state.state)")
ARCHIVE = "{folder}/jaxcnn.XXXXXXXXXX/jaxcnn.tar.gz"
SCP = tpu_vm("scp", ARCHIVE, "pod:jaxcnn.tar.gz", ZONE, "--worker=all")
UNPACK = "--command=rm -rf jaxcnn && mkdir jaxcnn && tar -xzf jaxcnn.tar.gz -C jaxcnn"
ON_WORKER = "--command=bash jaxcnn/tpu_scripts/on_worker/"
SSH_ALIVE = "--ssh-flag=-oServerAliveInterval=30"
RUN = tpu_vm("ssh", "pod", SSH_ALIVE, f"{ON_WORKER}run.sh {' '.join(TRAIN)}", ZONE, "--worker=all")
SYNC = [SCP, tpu_vm("ssh", "pod", UNPACK, ZONE, "--worker=all")]
INSTALL = tpu_vm("ssh", "pod", f"{ON_WORKER}install.sh", ZONE, "--worker=all")
DELETE = tpu_vm("delete", "pod", ZONE, "--quiet")
DELETE_QUEUED = queued_resources("delete", "pod", ZONE, "--force", "--quiet")
ON_ALL_NODES = [ZONE, "--node=all", "--worker=all"]
QUEUE = queued_resources("create", "pod", ZONE)
TYPE = ["--accelerator-type=v5litepod-16", f"--runtime-version={V5E}"]


@pytest.mark.parametrize(
    ("script", "args", "calls"),
    [
        ("create.sh", ["--type=v5litepod-16"], [CREATE]),
        ("create.sh", ["--type=v5litepod-16", "--spot"], [[*CREATE, "--spot"]]),
        (
            "create.sh",
            ["--type=v5litepod-16", "--queued", "--spot"],
            [[*QUEUE, "--node-id=pod", *TYPE, "--spot"], DESCRIBE_QUEUED],
        ),
        (
            "create.sh",
            ["--type=v5litepod-16", "--slices=2"],
            [[*QUEUE, "--node-count=2", "--node-prefix=pod", *TYPE], DESCRIBE_QUEUED],
        ),
        (
            "create.sh",
            ["--type=v6e-8", "--version=v2-alpha-tpuv6e"],
            [[*CREATE[:-2], "--accelerator-type=v6e-8", "--version=v2-alpha-tpuv6e"]],
        ),
        ("sync.sh", [], SYNC),
        ("install.sh", [], [INSTALL]),
        (
            "install.sh",
            ["--bucket=bucket", "--queued"],
            [
                queued_resources(
                    "ssh",
                    "pod",
                    f"{ON_WORKER}install.sh && bash jaxcnn/tpu_scripts/on_worker/mount.sh bucket",
                    *ON_ALL_NODES,
                )
            ],
        ),
        ("run.sh", ["--", *TRAIN], [RUN]),
        (
            "run.sh",
            ["--worker=0", "--", "echo", "it's", "a  b", "$HOME"],
            [
                tpu_vm(
                    "ssh",
                    "pod",
                    SSH_ALIVE,
                    f"{ON_WORKER}run.sh echo 'it'\\''s' 'a  b' '$HOME'",
                    ZONE,
                    "--worker=0",
                )
            ],
        ),
        ("delete.sh", [], [DELETE]),
        ("delete.sh", ["--queued"], [DELETE_QUEUED]),
    ],
)  # fmt: skip
def test_a_script_makes_these_calls_and_dry_run_prints_them(cloud, script, args, calls):
    calls = [[word.format(folder=cloud.folder) for word in call] for call in calls]
    cloud.states("ACTIVE")
    dry = cloud.run(script, *PLACE, "--dry-run", *args)
    assert dry.returncode == 0, dry.stderr
    assert not cloud.calls
    printed = [shlex.split(line) for line in dry.stdout.splitlines()]
    assert [line for line in printed if line[0] == "gcloud"] == calls
    done = cloud.run(script, *PLACE, *args)
    assert done.returncode == 0, done.stderr
    assert cloud.calls == calls


def test_what_is_copied_is_the_last_commit(cloud):
    new = cloud.scripts.parent / "new.txt"
    new.write_text("not committed")
    done = cloud.run("sync.sh", *PLACE)
    new.unlink()
    listed = ["tar", "-tzf", str(cloud.folder / "copied.tar.gz")]
    names = subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split()
    assert "tpu_scripts/sync.sh" in names and "new.txt" not in names
    assert "not committed, so not copied: ?? new.txt" in done.stderr


def test_what_is_copied_is_this_users_alone_and_gone_afterwards(cloud):
    planted, kept = cloud.folder / "jaxcnn-pod.tar.gz", cloud.folder / "kept"
    kept.write_text("mine")
    planted.symlink_to(kept)
    assert cloud.run("sync.sh", *PLACE).returncode == 0
    assert kept.read_text() == "mine"
    assert (cloud.folder / "modes.txt").read_text() == "40700"
    assert not list(cloud.folder.glob("jaxcnn.*"))


def test_a_queued_tpu_is_waited_for(cloud):
    cloud.states("WAITING_FOR_RESOURCES", "PROVISIONING", "ACTIVE")
    assert cloud.run("create.sh", *PLACE, "--type=v4-32", "--queued").returncode == 0
    waits = [call for call in cloud.calls if call[0] == "sleep"]
    assert waits == [["sleep", "30"]] * 2 and cloud.calls[-1] == DESCRIBE_QUEUED


DELETES_QUEUED = f"this deletes it: tpu_scripts/delete.sh {' '.join(PLACE)} --queued"


@pytest.mark.parametrize("state", ["FAILED", "SUSPENDED"])
def test_a_request_that_comes_to_nothing_ends_the_wait(cloud, state):
    cloud.states("SUSPENDING", state)
    done = cloud.run("create.sh", *PLACE, "--type=v4-32", "--queued")
    told = f"pod is {state}, and does not come any more; {DELETES_QUEUED}"
    assert done.returncode == 1 and done.stderr.endswith(f": {told}\n")


def test_a_place_in_line_is_waited_for_a_week_at_most(cloud):
    cloud.states(*["WAITING_FOR_RESOURCES"] * 20)
    days = cloud.folder / "days.sh"
    days.write_text("sleep() { SECONDS=$((SECONDS + 24 * 3600)); }\n")
    cloud.environment["BASH_ENV"] = str(days)
    done = cloud.run("create.sh", *PLACE, "--type=v4-32", "--queued")
    told = f"pod is still WAITING_FOR_RESOURCES after a week; {DELETES_QUEUED}"
    assert done.returncode == 1 and done.stderr.endswith(f": {told}\n")
    assert cloud.calls.count(DESCRIBE_QUEUED) in (8, 9)


WATCH = [*PLACE, "--type=v5litepod-16"]
PAUSE = ["sleep", "60"]


def watched(cloud, *args):
    done = cloud.run("watch.sh", *WATCH, *args, "--", *TRAIN)
    sync = [[word.format(folder=cloud.folder) for word in call] for call in SYNC]
    return done, [*sync, INSTALL, RUN, PAUSE, DESCRIBE]


def test_the_end_of_the_command_is_the_end_while_the_tpu_is_there(cloud):
    cloud.states("READY", "READY")
    cloud.fail(SSH_ALIVE, 3)
    done, one_run = watched(cloud)
    assert cloud.calls == [DESCRIBE, *one_run]
    assert done.returncode == 3


def test_a_tpu_that_was_taken_away_is_replaced_and_the_command_run_again(cloud):
    """Even where the command ended well: training that is asked to stop does."""
    cloud.states("READY", "PREEMPTED", "PREEMPTED", "READY")
    done, one_run = watched(cloud)
    assert cloud.calls == [DESCRIBE, *one_run, DESCRIBE, DELETE, CREATE, *one_run]
    assert done.returncode == 0 and "pod is gone, restart 1 of 100" in done.stderr


GONE = "NOT_FOUND: Resource 'projects/p/locations/us-west4-a/nodes/pod' was not found."
NO_NETWORK = "UNAVAILABLE: There was a problem refreshing your current auth tokens"
STILL_THERE = (
    f"pod still exists and costs money; this deletes it: tpu_scripts/delete.sh {' '.join(PLACE)}\n"
)


def test_a_tpu_that_cannot_be_had_is_asked_for_again(cloud):
    cloud.states(GONE, GONE, "READY")
    cloud.fail("create", 1)
    done, one_run = watched(cloud)
    assert cloud.calls == [DESCRIBE, CREATE, PAUSE, DESCRIBE, CREATE, *one_run]
    assert done.returncode == 0


def test_a_tpu_that_cannot_be_asked_for_is_not_deleted(cloud):
    cloud.states("READY", NO_NETWORK, NO_NETWORK, "READY")
    done, one_run = watched(cloud)
    asked_again = ["sleep", "30"], DESCRIBE, ["sleep", "60"], DESCRIBE
    assert cloud.calls == [DESCRIBE, *one_run, *asked_again]
    assert done.returncode == 0 and done.stderr.count(NO_NETWORK) == 2
    assert "cannot ask for the state of pod; again in 60 s" in done.stderr


def test_asking_for_a_tpus_state_has_an_end(cloud):
    cloud.states(*[NO_NETWORK] * 9)
    done, _ = watched(cloud)
    waits = [
        int(seconds) for name, seconds in (call[:2] for call in cloud.calls) if name == "sleep"
    ]
    assert waits == [30, 60, 120, 240, 480, 960, 1920] and DELETE not in cloud.calls
    assert done.returncode == 1 and "gave up asking for the state of pod" in done.stderr
    assert "pod may still exist and costs money" in done.stderr.splitlines()[-1]


def test_a_tpu_that_is_repaired_or_in_line_is_waited_for(cloud):
    cloud.states("REPAIRING", "REPAIRING", "READY", "READY")
    done, one_run = watched(cloud)
    assert cloud.calls == [DESCRIBE, DESCRIBE, ["sleep", "30"], DESCRIBE, *one_run]
    assert done.returncode == 0


def test_a_tpu_that_is_left_is_named_with_what_deletes_it(cloud):
    cloud.states("READY", "READY")
    cloud.fail("install.sh", 1, 1)
    done, _ = watched(cloud, "--restarts=1")
    assert done.returncode == 1 and DELETE not in cloud.calls
    assert done.stderr.endswith(f"tpu_scripts/watch.sh: {STILL_THERE}")
    cloud.states("READY", "READY")
    done, _ = watched(cloud)
    assert done.returncode == 0 and done.stderr.endswith(f"tpu_scripts/watch.sh: {STILL_THERE}")


def test_watching_ends_after_so_many_restarts(cloud):
    cloud.states(*["PREEMPTED"] * 9)
    done, one_run = watched(cloud, "--restarts=2")
    assert cloud.calls.count(CREATE) == 3
    assert done.returncode == 1 and "gave up after 2 restarts" in done.stderr


def test_a_dry_run_of_watching_prints_a_whole_round(cloud):
    dry = cloud.run("watch.sh", *WATCH, "--spot", "--dry-run", "--", *TRAIN)
    sync = [[word.format(folder=cloud.folder) for word in call] for call in SYNC]
    lines = [shlex.split(line) for line in dry.stdout.splitlines() if line.startswith("gcloud")]
    assert lines == [DESCRIBE, [*CREATE, "--spot"], *sync, INSTALL, RUN, DELETE]
    assert not cloud.calls


GKE = ["--name=run", "--image=europe-docker.pkg.dev/p/r/jaxcnn:1", "--bucket=my-bucket"]


def test_the_jobset_runs_the_command_on_every_host_of_every_slice(cloud):
    command = [
        "python",
        "-c",
        "print('a: & #', \"@NAME@\")\nfor i in 1, 2:\n\tprint(i, '\\n', 'é猫')",
    ]
    assert cloud.run("gke.sh", *GKE, "--slices=2", "--", *command).returncode == 0
    ((*call, text),) = cloud.calls
    assert call == ["kubectl", "apply", "--filename=-"]
    manifest = yaml.safe_load(text)
    assert (manifest["kind"], manifest["metadata"]["name"]) == ("JobSet", "run")
    (slices,) = manifest["spec"]["replicatedJobs"]
    job = slices["template"]["spec"]
    assert (slices["replicas"], job["parallelism"], job["completions"]) == (2, 4, 4)
    pod = job["template"]["spec"]
    (container,) = pod["containers"]
    assert container["args"] == command and container["image"] == GKE[1].removeprefix("--image=")
    assert (SCRIPTS.parent / container["command"][1]).exists()
    assert pod["nodeSelector"]["cloud.google.com/gke-tpu-topology"] == "4x4"
    assert pod["volumes"][0]["csi"]["volumeAttributes"]["bucketName"] == "my-bucket"
    dry = cloud.run("gke.sh", *GKE, "--slices=2", "--dry-run", "--", *command)
    assert dry.stdout == f"kubectl apply --filename=- <<'MANIFEST'\n{text}MANIFEST\n"


def test_the_batch_job_is_submitted_with_its_command(cloud):
    args = ["--name=run", "--nodes=2", "--gpus=4", "--partition=a100", "--", *TRAIN]
    dry = cloud.run("slurm.sh", "--dry-run", *args)
    assert not cloud.calls
    assert cloud.run("slurm.sh", *args).returncode == 0
    size = ["--nodes=2", "--gpus-per-node=4", "--time=24:00:00", "--partition=a100"]
    call = ["sbatch", "--job-name=run", *size, str(cloud.scripts / "job.sbatch"), *TRAIN]
    assert cloud.calls == [call] == [shlex.split(dry.stdout)]


# Saves and ends well when it is asked to stop, as training does.
STOPS_WELL = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(0)); "
STOPS_WELL += "print('on', flush=True); time.sleep(60)"


def stopped(command, environment=None):
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "on\n"
    time.sleep(0.1)  # The shell sets its trap while Python starts.
    process.send_signal(signal.SIGTERM)
    return process.wait(timeout=20)


def test_a_command_that_was_stopped_is_not_done():
    until_done = str(SCRIPTS / "on_worker/until_done.sh")
    assert stopped([until_done, sys.executable, "-c", STOPS_WELL]) == 143
    for status in (0, 3):
        ends = [until_done, sys.executable, "-c", f"raise SystemExit({status})"]
        assert subprocess.run(ends).returncode == status


def test_a_batch_job_that_was_stopped_stands_in_line_again(cloud):
    srun = cloud.folder / "bin/srun"
    srun.write_text('#!/bin/sh\nshift\nexec "$@"\n')  # Without --kill-on-bad-exit.
    job = [str(SCRIPTS / "job.sbatch"), sys.executable, "-c"]
    environment = {**cloud.environment, "SLURM_JOB_ID": "17"}
    assert subprocess.run(["bash", *job, "raise SystemExit(3)"], env=environment).returncode == 3
    assert not cloud.calls
    stopped(["bash", *job, STOPS_WELL], environment)
    assert cloud.calls == [["scontrol", "requeue", "17"]]


def test_a_batch_job_gives_a_process_all_gpus_of_its_machine(cloud):
    (cloud.folder / "bin/srun").write_text('#!/bin/sh\nshift\nexec "$@"\n')
    shows = "import os; print(os.environ.get('JAX_LOCAL_DEVICE_IDS'))"
    job = ["bash", str(SCRIPTS / "job.sbatch"), sys.executable, "-c", shows]
    for gpus, ids in (("3", "0,1,2"), ("1", "0")):
        environment = {**cloud.environment, "SLURM_GPUS_ON_NODE": gpus}
        done = subprocess.run(job, env=environment, capture_output=True, text=True)
        assert (done.returncode, done.stdout.strip()) == (0, ids), done.stderr


@pytest.mark.parametrize(
    ("script", "args", "message"),
    [
        ("create.sh", ["--zone=z", "--type=t"], "--name=... is missing"),
        ("create.sh", [*PLACE], "--type=... is missing"),
        (
            "create.sh",
            ["--name=--project=evil", "--zone=z", "--type=t"],
            "--project=evil is no name",
        ),
        ("delete.sh", ["--name=pod", "--zone=z --project=evil"], "evil is no name"),
        ("watch.sh", [*PLACE, "--type=T;id", "--", "a"], "T\\;id is no name"),
        ("create.sh", [*PLACE, "--type=t", "--version=-x"], "--version=-x is no runtime's name"),
        ("install.sh", [*PLACE, "--bucket=-o=allow_other"], "is no name of a bucket"),
        ("run.sh", [*PLACE, "--worker=0 --project=evil", "--", "a"], "is no worker"),
        (
            "gke.sh",
            ["--name=n", "--image=i\nx", "--bucket=bkt", "--", "a"],
            "is no container image",
        ),
        ("gke.sh", [*GKE, "--topology=4x4\n", "--", "a"], "is no topology"),
        ("slurm.sh", ["--name=../n", "--", "a"], "--name=../n is no name of a job"),
        ("create.sh", [*PLACE, "--type=t", "--slices=0"], "--slices=0 is not a whole number"),
        ("create.sh", [*PLACE, "--typ=t"], "unknown flag --typ"),
        ("create.sh", [*PLACE, "--type", "t"], "--type needs a value: --type=..."),
        ("create.sh", [*PLACE, "--type=t", "--spot=yes"], "unknown flag --spot=..."),
        ("sync.sh", ["--name="], "--name= needs a value"),
        ("sync.sh", ["pod"], "unexpected 'pod'"),
        ("install.sh", ["--name=pod"], "--zone=... is missing"),
        ("run.sh", [*PLACE], "the command to run is missing: -- COMMAND..."),
        ("watch.sh", [*PLACE, "--type=t"], "the command to run is missing"),
        ("watch.sh", [*PLACE, "--type=t", "--pause=x", "--", "a"], "--pause=x is not a whole"),
        ("delete.sh", [*PLACE, "--force"], "unknown flag --force"),
        ("gke.sh", ["--name=n", "--image=i", "--", "a"], "--bucket=... is missing"),
        ("slurm.sh", ["--name=n", "--gpus=-1", "--", "a"], "--gpus=-1 is not a whole number"),
    ],
)
def test_wrong_usage_is_one_line_exit_2_and_no_call(cloud, script, args, message):
    done = cloud.run(script, *args)
    assert done.returncode == 2 and message in done.stderr
    assert done.stderr.startswith(f"tpu_scripts/{script}: ") and done.stderr.count("\n") == 1
    assert not cloud.calls and not done.stdout


SECRETS = [
    ["--wandb-key=s3cret", "--wandb-key=***"],
    ["HF_TOKEN=s3cret", "HF_TOKEN=***"],
    ["--api-token s3cret", "--api-token ***"],
    ["--password=s3cret it's", "--password=***"],
]


@pytest.mark.parametrize(("given", "shown"), SECRETS)
def test_a_secret_of_the_command_is_handed_on_and_not_shown(cloud, given, shown):
    arguments = given.split() if given.startswith("--api") else [given]
    done = cloud.run("run.sh", *PLACE, "--", "env", *arguments, "python", "--steps=20")
    assert done.returncode == 0 and "s3cret" in " ".join(cloud.calls[0])
    assert "s3cret" not in done.stderr and "--steps=20" in done.stderr
    assert all(word in done.stderr for word in shown.split())
    done = cloud.run("slurm.sh", "--name=run", "--", *arguments)
    assert "s3cret" not in done.stderr and "s3cret" in " ".join(cloud.calls[1])


def test_an_image_has_nothing_private_and_no_root():
    """What is not named is not copied; of what is, all is in the repository."""
    root = SCRIPTS.parent
    lines = (root / ".dockerignore").read_text().splitlines()
    first, *rest = [line for line in lines if not line.startswith("#")]
    allowed = {line[1:] for line in rest if line.startswith("!")}
    assert first == "*" and all((root / name).exists() for name in allowed)
    assert {"**/.*", "**/*.key", "**/*.pem"} < set(rest[len(allowed) :])
    assert allowed <= {
        "LICENSE", "README.md", "experiments", "jaxcnn", "pyproject.toml", "tpu_scripts"
    }  # fmt: skip
    (user,) = re.findall(r"^USER (\d+):\d+$", (SCRIPTS / "Dockerfile").read_text(), re.MULTILINE)
    pod = yaml.safe_load((SCRIPTS / "jobset.yaml").read_text().replace("@", ""))
    spec = pod["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    assert int(user) == spec["securityContext"]["runAsUser"] > 0


def test_help_names_every_flag():
    for path in SCRIPTS.glob("*.sh"):
        if path.name == "flags.sh":
            continue
        help_text = subprocess.run(
            [str(path), "--help"], check=True, capture_output=True, text=True
        ).stdout
        known = re.search(r'^read_flags "(.*)" "\$@"$', path.read_text(), re.MULTILINE)
        assert known, path
        for flag in [*known[1].split(), "dry-run"]:
            assert f"--{flag}" in help_text, (path.name, flag)
