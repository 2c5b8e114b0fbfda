"""The evidence of single steps that a run leaves: figures of those very steps, once each."""

import io
import json
import math
import struct

import jax
import numpy as np
import optax
import pytest
from rich.console import Console
from tensorboardX.proto.event_pb2 import Event

from jaxcnn.engine.feed import Feed
from jaxcnn.engine.mesh import to_devices
from jaxcnn.engine.program import build
from jaxcnn.engine.step import NORMS
from jaxcnn.errors import UserError
from jaxcnn.recipe import Mesh, Optim, Recipe, Schedule
from jaxcnn.run.folder import RunFolder
from jaxcnn.train.fit import fit
from jaxcnn.train.logs import Logs

LR = 0.1
# Its update is the gradient times the learning rate.
PLAIN = Recipe(
    "linear",
    steps=4,
    batch_size=64,
    image_size=28,
    log_every_steps=2,
    optim=Optim("sgd", lr=LR, momentum=0.0, nesterov=False, weight_decay=0.0),
    schedule=Schedule("cosine", warmup_epochs=0),
    mesh=Mesh(data=1),
)


def rate_of(step):
    """PLAIN's at its step 1, 2, ... of 4: half a cosine that begins at its top."""
    return LR * (1 + math.cos(math.pi * (step - 1) / 4)) / 2


def steps_of(workdir):
    return [json.loads(line) for line in (workdir / "steps.jsonl").read_text().splitlines()]


def drawn(workdir):
    """What TensorBoard is given: {name: [(step, value)]}."""
    figures = {}
    for path in (workdir / "tensorboard").iterdir():
        content, at = path.read_bytes(), 0
        while at < len(content):
            (length,) = struct.unpack_from("<Q", content, at)
            event = Event.FromString(content[at + 12 : at + 12 + length])
            at += 16 + length
            for value in event.summary.value:
                figures.setdefault(value.tag, []).append((event.step, value.simple_value))
    return figures


def test_the_figures_are_those_of_the_step(tmp_path):
    fit(PLAIN, tmp_path, console=Console(file=io.StringIO()))
    feed = Feed(PLAIN)
    program = build(PLAIN, feed.spec, steps_per_epoch=feed.steps_per_epoch, total_steps=4)
    state, expected = program.init_state(), []
    for step, batch in enumerate(feed.train_batches(0, 4), start=1):
        before = jax.device_get(state.params)
        state, sums = program.train_step(state, to_devices(batch, program.rows), program.step_key)
        after = jax.device_get(state.params)
        moved = optax.tree.norm(jax.tree.map(np.subtract, after, before))
        if step % 2 == 0:
            expected.append(
                {
                    "step": step,
                    "loss": sums["loss"] / 64,
                    "lr": rate_of(step),
                    "grad_norm": moved / rate_of(step),
                    "update_norm": moved,
                    "param_norm": optax.tree.norm(after),
                }
            )
    lines = steps_of(tmp_path)
    assert [line.keys() for line in lines] == [line.keys() for line in expected]
    for line, known in zip(lines, expected, strict=True):
        np.testing.assert_allclose(list(line.values()), list(known.values()), rtol=1e-4)
    tags = drawn(tmp_path)
    assert [step for step, _ in tags["steps/grad_norm"]] == [2, 4]
    np.testing.assert_allclose([v for _, v in tags["steps/loss"]], [line["loss"] for line in lines])
    assert "steps/step" not in tags and "val_loss" in tags
    (epoch,) = map(json.loads, (tmp_path / "metrics.jsonl").read_text().splitlines())
    assert epoch["lr"] == pytest.approx(rate_of(4))


def test_lines_of_steps_that_are_about_to_be_repeated_are_dropped(tmp_path):
    folder = RunFolder(tmp_path)
    figures = {"loss": float("nan"), "lr": 0.1, **dict.fromkeys(NORMS, 1.0)}
    for step in (2, 4, 6):
        folder.append_step({"step": step, **figures})
    with (tmp_path / "steps.jsonl").open("a") as file:
        file.write('{"step": 8, "lo')  # A kill cut it short.
    Logs(folder, step=4).close()
    assert steps_of(tmp_path) == [{"step": step, **figures, "loss": None} for step in (2, 4)]


def test_a_damaged_line_is_named(tmp_path):
    RunFolder(tmp_path).append_step(
        {"step": 2, "loss": 1.0, "lr": 0.1, **dict.fromkeys(NORMS, 1.0)}
    )
    with (tmp_path / "steps.jsonl").open("a") as file:
        file.write("no line\n")
    with pytest.raises(UserError, match="steps.jsonl is damaged in line 2; mend or delete"):
        Logs(RunFolder(tmp_path), step=4)
