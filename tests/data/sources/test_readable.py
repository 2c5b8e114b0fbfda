import cv2
import numpy as np
import pytest

from jaxcnn.data import DataError, dataset_at, load_split
from jaxcnn.data.sources.readable import find_unreadable, leave_out
from jaxcnn.data.spec import ArraySource, Concatenation, Subset, example_name


@pytest.fixture
def folder(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for i in range(6):
            cv2.imwrite(str(tmp_path / name / f"{i}.png"), np.full((8, 8, 3), 10 * i, np.uint8))
    return tmp_path


def read(folder):
    return load_split(dataset_at("image_folder", folder), "all", folder)


def test_bad_files_are_found_and_left_out_and_the_rest_keeps_its_order(folder):
    (folder / "cat" / "2.png").write_bytes(b"no picture")
    (folder / "dog" / "5.png").write_bytes((folder / "dog" / "5.png").read_bytes()[:50])
    unreadable = find_unreadable(read(folder))
    assert [example.index for example in unreadable] == [2, 11]
    assert str(folder / "cat" / "2.png") in unreadable[0].reason
    left = leave_out(read(folder), unreadable)
    assert left.labels.tolist() == [0] * 5 + [1] * 5
    assert [left[i]["image"][0, 0, 0] for i in range(10)] == [0, 10, 30, 40, 50, 0, 10, 20, 30, 40]


def test_where_all_is_well_nothing_is_done(folder):
    source = read(folder)
    assert find_unreadable(source) == []
    assert leave_out(source, []) is source


def test_a_folder_of_nothing_but_bad_files_is_refused(folder):
    for path in folder.rglob("*.png"):
        path.write_bytes(b"no picture")
    source = read(folder)
    with pytest.raises(DataError, match="no example can be read; the first: .*cat/0.png"):
        leave_out(source, find_unreadable(source))


def test_other_errors_than_the_datas_are_not_taken_for_bad_pictures():
    source = ArraySource(np.zeros((1, 4, 4, 1), np.uint8), np.zeros(2, np.int32))
    with pytest.raises(IndexError):
        find_unreadable(source)


def test_an_example_is_named_by_its_file_or_its_place_as_stored(folder):
    files = read(folder)
    arrays = ArraySource(np.zeros((5, 4, 4, 1), np.uint8), np.zeros(5, np.int32))
    both = Concatenation(Subset(files, np.array([7, 3])), Subset(arrays, np.array([4, 2])))
    names = [example_name(both, i) for i in range(4)]
    files = [str(folder / "dog" / "1.png"), str(folder / "cat" / "3.png")]
    assert names == [*files, "example 4", "example 2"]
