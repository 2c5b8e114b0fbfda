"""A stranger's pictures cost no more than an honest one does, wherever they are read from."""

import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from jaxcnn.data import DataError
from jaxcnn.data.loader.budget import DECODING, Budget
from jaxcnn.data.prepare import command as prepare
from jaxcnn.data.sources.pictures import MAX_PIXELS, CannotDecode, decode, read_picture
from tests.hostile.conftest import within_limits


def png(side: int) -> bytes:
    """A black square of one bit a pixel: a kilobyte for each five million pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    packer = zlib.compressobj(9)
    row = bytes(1 + (side + 7) // 8)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


@pytest.fixture(scope="module")
def bomb() -> bytes:
    return png(20_000)


def test_a_bomb_is_refused_by_its_header(bomb, tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(bomb)
    assert len(bomb) < 60_000
    with within_limits(), pytest.raises(CannotDecode, match="20,000x20,000 pixels; at most"):
        decode(bomb, 3)
    with within_limits(), pytest.raises(DataError, match="x.png has 20,000x20,000 pixels"):
        read_picture(path)


def test_a_bomb_in_a_folder_is_not_prepared(bomb, tmp_path, capsys):
    for name in ("cat", "dog"):
        folder = tmp_path / "pictures" / name
        folder.mkdir(parents=True)
        for i in range(4):
            (folder / f"{i}.png").write_bytes(png(16 + i))
    (tmp_path / "pictures/cat/0.png").write_bytes(bomb)
    args = ["strange", f"--from={tmp_path / 'pictures'}", f"--data-dir={tmp_path / 'tfds'}"]
    with within_limits():
        assert prepare.main(args) == 2
    assert "20,000x20,000 pixels" in capsys.readouterr().err.splitlines()[-1]


def test_a_file_of_three_gigabytes_is_refused_by_its_size(tmp_path):
    path = tmp_path / "x.jpg"
    with path.open("wb") as file:
        file.write(b"\xff\xd8\xff")
        file.truncate(3 * 10**9)
    with within_limits(), pytest.raises(DataError, match="has 3,000,000,000 bytes; at most"):
        read_picture(path)


def test_many_large_ones_at_once_take_what_a_few_do(tmp_path):
    """Each is allowed by itself; as many at once as there are threads would take 2 GB."""
    side = int((MAX_PIXELS // 2) ** 0.5)
    large = png(side)
    for i in range(8):
        (tmp_path / f"{i}.png").write_bytes(large)

    seen = []

    def one(index: int) -> None:
        with DECODING.kept():
            image = read_picture(tmp_path / f"{index}.png")
            seen.append(image.shape)
            time.sleep(0.05)

    with within_limits(), ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(8)))
    assert seen == [(side, side, 3)] * 8


def test_no_more_is_taken_at_once_than_there_is():
    budget, lock, held, peak = Budget(100, uncounted=5), threading.Lock(), 0, 0

    def take(num_bytes: int) -> None:
        nonlocal held, peak
        with budget.kept():
            budget.take(num_bytes)
            with lock:
                held += num_bytes
                peak = max(peak, held)
            time.sleep(0.002)
            with lock:
                held -= num_bytes

    sizes = np.random.default_rng(0).integers(6, 60, 100).tolist()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(take, sizes))
    assert 60 < peak <= 100


def test_what_is_larger_than_all_there_is_waits_until_it_is_alone():
    budget, order = Budget(100, uncounted=5), []
    started = threading.Event()

    def first() -> None:
        with budget.kept():
            budget.take(50)
            started.set()
            time.sleep(0.05)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    started.wait()
    with budget.kept():
        budget.take(1000)
        order.append("large")
    thread.join()
    assert order == ["first", "large"]


def test_an_error_gives_back_what_was_taken():
    budget = Budget(100, uncounted=5)
    for _ in range(3):
        with pytest.raises(KeyError), budget.kept():
            budget.take(100)
            raise KeyError
