"""A stranger's weights run nothing, take no more memory than they are large, and are numbers."""

import json
import os
import pickle
import random
import zipfile

import chex
import cv2
import jax
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save, save_file

from jaxcnn.errors import UserError
from jaxcnn.predict import command as predict
from jaxcnn.run.pretrained import load_weights
from jaxcnn.weights.torch_files import read_state_dict
from tests.hostile.conftest import within_limits
from tests.weights.test_sources import state_dict_of
from tests.weights.torch_archive import (
    Call,
    Global,
    Stored,
    tensor,
    tensors,
    write_archive,
    write_legacy,
)

NAME = "lenet5"
STATE_DICT = state_dict_of(NAME)
KEY = sorted(STATE_DICT)[0]


class Malicious:
    def __reduce__(self):
        return (exec, ("open('ran', 'w').close()",))


def is_refused(path, told):
    """That the file at `path` is refused in one line, and names itself and `told`."""
    with within_limits(), pytest.raises(UserError) as error:
        load_weights(NAME, str(path))
    said = str(error.value)
    assert path.name in said and told in said and "\n" not in said and len(said) < 1000, said


@pytest.mark.parametrize("write", [write_archive, write_legacy])
def test_what_a_pickle_would_call_is_not_called(tmp_path, monkeypatch, write):
    monkeypatch.chdir(tmp_path)
    inside, storages = tensors(STATE_DICT)
    calls = [
        Call(Global("os", "system"), ("touch ran",)),
        Call(Global("builtins", "exec"), ("open('ran', 'w').close()",)),
        Call(Global("torch._utils", "_rebuild_device_tensor_from_numpy"), (2**40,)),
    ]
    for value in calls:
        write(tmp_path / "w.pth", inside | {"beside": value}, storages)
        try:
            assert load_weights(NAME, str(tmp_path / "w.pth"))
        except UserError as error:
            assert "beside" in str(error)
    path = tmp_path / "x.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("w/data.pkl", pickle.dumps(Malicious(), protocol=2))
    is_refused(path, "does not hold a state dict")
    assert not (tmp_path / "ran").exists()


def test_a_tensor_that_repeats_its_numbers_is_not_made(tmp_path):
    """1.5 kB that would be four terabytes."""
    stored = Stored("0", np.zeros(1, np.float32))
    value = {KEY: tensor(stored, (10**6, 10**6), (0, 0))}
    write_archive(tmp_path / "w.pth", value, [stored])
    is_refused(tmp_path / "w.pth", "bytes are stored; save the tensor itself")


def test_a_thousand_views_of_one_storage_are_not_copied(tmp_path):
    """None of them is the model's."""
    stored = Stored("0", np.zeros(10**7, np.float32))
    value = {f"w{i}": tensor(stored, (10**7,), (1,)) for i in range(1000)}
    write_archive(tmp_path / "w.pth", value, [stored])
    refused_as_other(tmp_path / "w.pth")


def test_a_tensor_of_the_models_name_and_another_shape_is_not_copied(tmp_path):
    """Each would be 400 MB as float32."""
    stored = Stored("large", np.zeros(10**8, np.float16))
    inside, storages = tensors(STATE_DICT)
    inside |= {key: tensor(stored, (10**8,), (1,)) for key in STATE_DICT}
    write_archive(tmp_path / "w.pth", inside, [*storages, stored])
    refused_as_other(tmp_path / "w.pth")


def refused_as_other(path):
    with within_limits(), pytest.raises(UserError, match="not the weights of lenet5|classes apart"):
        load_weights(NAME, str(path))


def test_a_compressed_archive_is_not_expanded(tmp_path):
    inside, storages = tensors({KEY: np.zeros(10**8, np.float32)})
    write_archive(tmp_path / "w.pth", inside, storages, compression=zipfile.ZIP_DEFLATED)
    is_refused(tmp_path / "w.pth", "is damaged, or no file of weights")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "w.pth")
    is_refused(tmp_path / "w.pth", "no weights at")


def with_first(value):
    return STATE_DICT | {KEY: value}


NUMBERS = {
    "NaN": (np.full_like(STATE_DICT[KEY], np.nan), "is not finite (NaN or infinite)"),
    "one infinite": (
        np.where(
            np.arange(STATE_DICT[KEY].size).reshape(STATE_DICT[KEY].shape) == 3, np.inf, 1.0
        ).astype(np.float32),
        "is not finite (NaN or infinite)",
    ),
    "float64 that overflows": (STATE_DICT[KEY].astype(np.float64) * 1e300, "overflows float32"),
    "complex": (STATE_DICT[KEY].astype(np.complex64), "is stored as complex64"),
    "int8": (STATE_DICT[KEY].astype(np.int8), "is stored as int8"),
    "bool": (STATE_DICT[KEY] > 0, "is stored as bool"),
    "int64": (STATE_DICT[KEY].astype(np.int64), "is stored as int64"),
}


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("form", ["safetensors", "pth"])
def test_numbers_that_are_no_weights_are_refused(tmp_path, form, kind):
    value, told = NUMBERS[kind]
    path = tmp_path / f"w.{form}"
    if form == "pth":
        write_archive(path, *tensors(with_first(value)))
    else:
        save_file(with_first(np.ascontiguousarray(value)), path)
    is_refused(path, f"{KEY} {told}")


@pytest.mark.parametrize("type_", ["F8_E4M3", "F8_E5M2", "F4", "E8M0"])
def test_numbers_of_eight_bits_in_safetensors_are_refused(tmp_path, type_):
    header = json.dumps({KEY: {"dtype": type_, "shape": [4], "data_offsets": [0, 4]}}).encode()
    (tmp_path / "w.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"1234")
    is_refused(tmp_path / "w.safetensors", "")


@pytest.mark.parametrize("function", ["_rebuild_sparse_tensor", "_rebuild_qtensor"])
def test_a_tensor_that_is_no_plain_one_is_refused(tmp_path, function):
    inside, storages = tensors(STATE_DICT)
    inside[KEY] = Call(Global("torch._utils", function), (1, 2))
    write_archive(tmp_path / "w.pth", inside, storages)
    is_refused(tmp_path / "w.pth", f"is no plain tensor, but made by {function}")


@pytest.mark.parametrize("dtype", [np.float16, np.float64, ml_dtypes.bfloat16])
def test_weights_of_another_width_are_widened_or_rounded(tmp_path, dtype):
    narrow = {key: value.astype(dtype) for key, value in STATE_DICT.items()}
    write_archive(tmp_path / "w.pth", *tensors(narrow))
    if dtype == np.float64:
        with pytest.warns(UserWarning, match="stored as float64: they are rounded to float32"):
            variables = load_weights(NAME, str(tmp_path / "w.pth"))
    else:
        variables = load_weights(NAME, str(tmp_path / "w.pth"))
    write_legacy(tmp_path / "l.pth", *tensors({k: v.astype(np.float32) for k, v in narrow.items()}))
    chex.assert_trees_all_equal(variables, load_weights(NAME, str(tmp_path / "l.pth")))
    assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(variables))


def test_a_command_line_says_it_in_one_line(refused, tmp_path):
    write_archive(tmp_path / "w.pth", *tensors(with_first(NUMBERS["NaN"][0])))
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((28, 28), np.uint8))
    source = f"--pretrained={tmp_path / 'w.pth'}"
    args = ("--arch=lenet5", "--dataset=digits", source, str(tmp_path / "a.png"))
    line = refused(predict.main, *args)
    assert "NaN" in line


def mutated(content, seed):
    draws, data = random.Random(seed), bytearray(content)
    for _ in range(draws.randint(1, 5)):
        # The names are at the start, or near the end.
        place = draws.choice([draws.randrange(min(600, len(data))), draws.randrange(len(data))])
        match draws.randrange(3):
            case 0:
                data[place] = draws.randrange(256)
            case 1:
                del data[place : place + draws.randint(1, 40)]
            case 2:
                data[place:place] = draws.randbytes(draws.randint(1, 8))
    return bytes(data)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32), form=st.sampled_from(["archive", "legacy", "safetensors"]))
def test_whatever_is_done_to_a_file_the_error_is_one_line(tmp_path_factory, seed, form):
    path = tmp_path_factory.mktemp("mutated") / "w"
    few = {key: np.ones(4, np.float32) for key in STATE_DICT}
    if form == "safetensors":
        path.write_bytes(save(few))
    else:
        {"archive": write_archive, "legacy": write_legacy}[form](path, *tensors(few))
    path.write_bytes(mutated(path.read_bytes(), seed))
    try:
        with within_limits():
            load_weights(NAME, str(path))
    except UserError as error:
        assert "\n" not in str(error)


def test_a_plain_file_is_read(tmp_path):
    for write in (write_archive, write_legacy):
        write(tmp_path / "w.pth", *tensors(STATE_DICT))
        found = read_state_dict(tmp_path / "w.pth")
        assert all(np.array_equal(found[key], value) for key, value in STATE_DICT.items())
