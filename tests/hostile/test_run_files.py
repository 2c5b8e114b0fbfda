"""What a stranger's recipe.json, data.json, metrics.jsonl and summary.json say: typed, and ranged.

Each wrong value of each field is refused in one short line that names the file and the field.
"""

import contextlib
import gzip
import json
import os
import socket

import pytest

from jaxcnn.engine.step import NORMS
from jaxcnn.errors import UserError
from jaxcnn.evaluate import command as evaluate
from jaxcnn.recipe import to_json
from jaxcnn.run import run_data
from jaxcnn.run.folder import RunFolder
from jaxcnn.run.run_data import names_in
from tests.hostile.conftest import within_limits
from tests.run.test_folder import DATA, RECIPE

# Of another type, out of range, null, huge: for a field of any type most are wrong.
WRONG = {
    "null": None,
    "true": True,
    "text": "\x1b[31mred\nnext line",
    "negative": -3,
    "2^70": 2**70,
    "huge": 10**400,
    "NaN": float("nan"),
    "infinite": float("inf"),
    "list": [[1], None],
    "object": {"a": 1},
}
# And the fields that may hold some.
MAY_BE = {
    "null": {
        "recipe.json": "fold bce_threshold optim.betas optim.eps data_dir labels steps recipe "
        "early_stopping eval_image_size eval_crop pretrained optim.layer_decay "
        "optim.clip_norm optim.ema_decay optim.momentum augment.policy augment.transforms "
        "augment.progressive_size "
        "augment.interpolation model.pool model.positions "
        "model.drop_rate model.pos_drop_rate model.proj_drop_rate model.attn_drop_rate "
        "model.drop_path_rate model.stem model.patch model.window distill distill_arch "
        "distill_temperature distill_weight optim.swa_start optim.sam_rho",
        "data.json": "image_size data_dir labels pretrained unreadable run weights teacher",
        "metrics.jsonl": "train_loss val_loss val_top1",
        "steps.jsonl": "loss grad_norm update_norm param_norm",
        "summary.json": "val.top1 val.loss test.top1 test.loss",
    },
    "true": {
        "recipe.json": "test deterministic eval_flip augment.flip model.remat model.pre_logits "
        "optim.nesterov optim.ema_warmup schedule.warmup_prefix schedule.by_epoch",
        "data.json": "multi_label",
    },
    "text": {
        "recipe.json": "arch dataset data_dir labels recipe pretrained augment.transforms distill",
        "data.json": "data_dir labels pretrained command unreadable run versions.jaxcnn "
        "versions.jax splits.train.digest splits.val.digest splits.test.digest",
        "summary.json": "arch dataset",
    },
    "negative": {
        "recipe.json": "mesh.data",
        "metrics.jsonl": "train_loss val_loss val_top1",
        "steps.jsonl": "loss lr grad_norm update_norm param_norm",
        "summary.json": "seconds val.top1 val.loss test.top1 test.loss",
    },
}
EPOCH = {"epoch": 1, "step": 9, "train_loss": 1.0, "val_loss": 1.0, "val_top1": 0.5}
STEP = {"step": 9, "loss": 1.0, "lr": 0.1, **dict.fromkeys(NORMS, 1.0)}
SUMMARY = {
    "arch": "lenet5",
    "dataset": "digits",
    "seed": 0,
    "params": 10,
    "steps": 9,
    "seconds": 1.5,
    "val": {"top1": 0.5, "loss": 1.0, "n": 2},
    "test": {"top1": 0.5, "loss": 1.0, "n": 2},
    "left_out": {"train": ["a.png cannot be read"]},
}


def paths_of(values, prefix=()):
    """The place of every field, those of nested objects too."""
    for name, value in values.items():
        yield (*prefix, name)
        if isinstance(value, dict):
            yield from paths_of(value, (*prefix, name))


def with_value(values, path, value):
    changed = json.loads(json.dumps(values))
    inner = changed
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return changed


@pytest.fixture
def run(tmp_path):
    folder = RunFolder(tmp_path)
    folder.claim(RECIPE, DATA, b"")
    folder.append_metrics(EPOCH)
    folder.append_step(STEP)
    folder.write_summary(SUMMARY)
    return folder


READERS = {
    "recipe.json": (json.loads(json.dumps(to_json(RECIPE))), RunFolder.read_recipe),
    "data.json": (json.loads(json.dumps(run_data.to_json(DATA))), RunFolder.read_data),
    "summary.json": (SUMMARY, RunFolder.read_summary),
    "metrics.jsonl": (EPOCH, RunFolder.read_metrics),
    "steps.jsonl": (STEP, RunFolder.read_steps),
}
FIELDS = [(name, path) for name, (values, _) in READERS.items() for path in paths_of(values)]


def read(run, name, text):
    """What the reader makes of the file `name`: nothing but UserError, on a short line."""
    (run.path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        return READERS[name][1](run)
    except UserError as error:
        said = str(error)
        assert name in said and "\n" not in said and "\x1b" not in said
        assert len(said) < len(str(run.path)) + 300
        return None


@pytest.mark.parametrize(("name", "path"), FIELDS, ids=lambda part: str(part))
def test_a_field_of_another_kind_is_refused_in_a_short_line(run, name, path):
    values, reader = READERS[name]
    assert reader(run) is not None
    taken = set()
    for kind, wrong in WRONG.items():
        if read(run, name, json.dumps(with_value(values, path, wrong)) + "\n") is not None:
            taken.add(kind)
    field = ".".join(path)
    assert taken == {kind for kind, may in MAY_BE.items() if field in may.get(name, "").split()}


LARGE = {
    "a list of a million": [0.5] * 1_000_001,
    "a list of a million names": ["a"] * 1_000_001,
    "a text of ten megabytes": "x" * 10**7,
}


@pytest.mark.parametrize("large", LARGE)
@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("recipe.json", ("arch",)),
        ("recipe.json", ("schedule", "milestones")),
        ("data.json", ("class_names",)),
        ("data.json", ("input", "mean")),
        ("metrics.jsonl", ("step",)),
        ("steps.jsonl", ("loss",)),
        ("summary.json", ("test", "top1")),
    ],
    ids=str,
)
def test_a_long_list_or_text_is_refused_in_a_short_line(run, name, path, large):
    text = json.dumps(with_value(READERS[name][0], path, LARGE[large])) + "\n"
    with within_limits():
        assert read(run, name, text) is None


FOREIGN = {
    "empty": "",
    "no JSON": "{",
    "a list": "[]",
    "null": "null",
    "nested ten thousand deep": '{"a":' * 10_000 + "1" + "}" * 10_000,
    "a number of ten thousand digits": '{"epoch": ' + "9" * 10_000 + "}",
    "unknown field": '{"\\u001b[31m": 1}',
    "no text": "\udcff\udcfe",
}


@pytest.mark.parametrize("foreign", FOREIGN)
@pytest.mark.parametrize("name", READERS)
def test_what_is_no_such_file_is_refused_in_a_short_line(run, name, foreign):
    content = FOREIGN[foreign].encode(errors="surrogateescape")
    with within_limits():
        found = read(run, name, content + b"\n" * bool(content))
    # No line at all is a run whose first epoch goes on.
    assert found is None or (name.endswith(".jsonl") and foreign == "empty")


def too_large(path):
    with path.open("wb") as file:
        file.truncate(3 * 10**9)


def folder_of(path):
    path.mkdir()


def socket_at(path):
    # Its address may be 100 characters long: that of a relative path.
    with socket.socket(socket.AF_UNIX) as listening, contextlib.chdir(path.parent):
        listening.bind(path.name)


NO_FILES = {
    "a pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a folder": folder_of,
    "a socket": socket_at,
    "larger than": too_large,
    "link to itself": lambda path: path.symlink_to(path),
}


@pytest.mark.parametrize("kind", NO_FILES)
@pytest.mark.parametrize("name", [*READERS, "data.names.gz"])
def test_what_is_no_file_is_refused_and_not_read(run, name, kind):
    reader = READERS[name][1] if name in READERS else RunFolder.read_names
    path = run.path / name
    path.unlink(missing_ok=True)
    NO_FILES[kind](path)
    with within_limits():
        if kind == "link to itself" and name != "recipe.json":
            # There is no such file, for whoever asks.
            reader(run)
            return
        with pytest.raises(UserError) as error:
            reader(run)
    assert name in str(error.value) and "\n" not in str(error.value)


LISTINGS = {
    "a gigabyte of zeros": gzip.compress(bytes(2**30), 1),
    "a line again and again": gzip.compress(b"train\tcat/1.jpg 5\n" * 5_000_000, 1),
    "cut": gzip.compress(b"train\tcat/1.jpg 5\n")[:-9],
    "no gzip": b"train\tcat/1.jpg 5\n",
    "a split of no run": gzip.compress(b"../..\tcat/1.jpg 5\n"),
    "no text": gzip.compress(b"train\t\xff\xfe 5\n"),
}


@pytest.mark.parametrize("listing", LISTINGS)
def test_a_listing_of_examples_takes_no_more_than_they_are(listing):
    with within_limits(), pytest.raises(UserError, match="data.names.gz"):
        names_in(LISTINGS[listing], DATA.splits)


@pytest.mark.parametrize(
    ("name", "path", "wrong"),
    [
        ("recipe.json", ("optim",), None),
        ("recipe.json", ("workers",), 10**6),
        ("recipe.json", ("image_size",), 10**9),
        ("data.json", ("input", "std"), [0.0]),
        ("data.json", ("num_classes",), 20_000_000),
    ],
    ids=str,
)
def test_the_command_line_says_it_in_one_line(run, refused, name, path, wrong):
    values, _ = READERS[name]
    (run.path / name).write_text(json.dumps(with_value(values, path, wrong)))
    said = refused(evaluate.main, f"--workdir={run.path}")
    assert f"{name} is not " in said and path[-1].replace("_", "-") in said.replace("_", "-")
