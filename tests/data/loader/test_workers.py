"""As many workers as help: none for small images on a CPU, many for photographs on a GPU."""

from dataclasses import replace

import chex
import cv2
import numpy as np
import pytest

from jaxcnn.data.loader.workers import Hands, choose_hands, step_seconds_an_image
from jaxcnn.engine.feed import Feed
from jaxcnn.errors import UserError
from jaxcnn.models import model_spec
from jaxcnn.recipe import Recipe, check, differences

# Seconds of a core: cropping and mirroring a thumbnail, decoding and cropping a photograph.
THUMBNAIL, PHOTOGRAPH = 12e-6, 6e-3
IMAGENET = 1_281_167


def hands(arch, platform, host_seconds, images, cores=16, **others):
    step_seconds = step_seconds_an_image(model_spec(arch).gmacs, platform=platform, cores=cores)
    return choose_hands(
        images, host_seconds=host_seconds, step_seconds=step_seconds, cores=cores, **others
    )


@pytest.mark.parametrize("cores", [1, 2, 8, 64])
@pytest.mark.parametrize("arch", ["lenet5", "resnet20"])
def test_small_images_in_memory_need_no_process_on_a_cpu(arch, cores):
    assert hands(arch, "cpu", THUMBNAIL, 182 * 45_000, cores) == Hands(0)


def test_a_photograph_model_on_a_cpu_needs_no_process():
    assert hands("resnet50", "cpu", PHOTOGRAPH, IMAGENET, cores=2) == Hands(0)


def test_photographs_on_an_accelerator_take_all_cores_but_one():
    assert hands("resnet50", "gpu", PHOTOGRAPH, IMAGENET) == Hands(15)
    assert hands("resnet50", "tpu", PHOTOGRAPH, IMAGENET, cores=96) == Hands(43)


def test_a_slow_model_takes_as_many_as_keep_up_with_it():
    few = hands("convnext_tiny", "gpu", 1e-3, IMAGENET, cores=64).workers
    assert 0 < few < hands("resnet18", "gpu", 1e-3, IMAGENET, cores=64).workers < 63


def test_short_work_is_done_by_threads_before_processes_would_have_started():
    assert hands("resnet50", "gpu", PHOTOGRAPH, 320) == Hands(0, threads=15)
    assert hands("lenet5", "gpu", THUMBNAIL, 10 * 1257) == Hands(0)


def test_a_program_that_can_start_no_process_gets_threads():
    some = hands("resnet50", "gpu", PHOTOGRAPH, IMAGENET, may_start_processes=False)
    assert some == Hands(0, threads=15)


def test_a_single_core_is_left_to_the_step():
    assert hands("resnet50", "gpu", PHOTOGRAPH, IMAGENET, cores=1) == Hands(0)


def test_hands_are_said_in_words():
    assert [str(Hands(1)), str(Hands(4)), str(Hands(0, 3))] == [
        "1 worker", "4 workers", "0 workers, 3 threads"
    ]  # fmt: skip


@pytest.fixture
def photographs(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for i in range(20):
            picture = rng.integers(256, size=(40, 50, 3), dtype=np.uint8)
            cv2.imwrite(str(tmp_path / name / f"{i:02}.jpg"), picture)
    return Recipe(
        "lenet5",
        "image_folder",
        data_dir=str(tmp_path),
        image_size=32,
        batch_size=8,
        resize="crop",
        steps=6,
    )


def test_batches_of_auto_are_those_of_no_workers_to_the_bit(photographs, monkeypatch):
    assert photographs.workers == "auto"
    monkeypatch.setattr("jaxcnn.engine.feed.choose_hands", lambda images, **given: Hands(2))
    chosen = Feed(photographs)
    assert chosen.hands == Hands(2)
    none = Feed(replace(photographs, workers=0))
    assert none.hands == Hands(0)
    for batches in (lambda feed: feed.train_batches(0, 6), lambda feed: feed.eval_batches("val")):
        chex.assert_trees_all_equal(list(batches(chosen)), list(batches(none)))


def test_a_picture_that_cannot_be_read_is_left_to_the_run_to_name(photographs, tmp_path):
    for path in tmp_path.glob("*/*.jpg"):
        path.write_bytes(b"no picture")
    assert Feed(photographs).hands == Hands(0)


def test_workers_are_a_number_or_auto_and_no_part_of_what_a_run_is():
    auto, two = Recipe("lenet5"), Recipe("lenet5", workers=2)
    check(auto)
    check(two)
    assert differences(auto, two) == []
    with pytest.raises(UserError, match="--workers=-1 is out of range"):
        check(replace(auto, workers=-1))
