import numpy as np
import pytest

from jaxcnn.data import dataset_spec, list_datasets, load_split


@pytest.mark.parametrize("name", list_datasets())
def test_every_row_is_consistent(name):
    spec = dataset_spec(name)
    assert spec.name == name
    if spec.examine is None:  # Else the folder tells the names.
        assert len(spec.class_names) == len(set(spec.class_names)) == spec.num_classes
    assert len(spec.mean) == len(spec.std) == spec.channels
    assert all(0 < value < 1 for value in spec.mean + spec.std)
    allowed = [("all",), ("test",), ("train", "test"), ("train", "val", "test")]
    assert spec.splits in allowed
    assert spec.paper.startswith("http") or name == "image_folder"


def test_digit_sets_are_not_mirrored():
    unmirrored = [name for name in list_datasets() if not dataset_spec(name).flip]
    assert unmirrored == ["digits", "emnist_balanced", "emnist_letters", "mnist", "svhn_cropped"]


def test_mistyped_name_suggests_the_nearest():
    with pytest.raises(ValueError, match="unknown data set 'cifar1'; did you mean 'cifar10'?"):
        dataset_spec("cifar1")


def test_name_like_no_other_lists_what_there_is():
    with pytest.raises(ValueError, match=f"known: {', '.join(list_datasets())}"):
        dataset_spec("zzzz")


def test_import_is_light(run_python):
    program = (
        "import sys, jaxcnn.data\n"
        "heavy = {'tensorflow', 'tensorflow_datasets', 'grain', 'cv2', 'sklearn', 'jax'}\n"
        "others = {m for m in sys.modules if m.startswith('jaxcnn.')}\n"
        "print(sorted(heavy & set(sys.modules)), *sorted({m.split('.')[1] for m in others}))"
    )
    done = run_python("-c", program)
    assert done.stdout == "[] data discovery errors files plugins text\n", done.stderr


def test_digits_are_the_real_ones_scaled_to_bytes():
    from sklearn.datasets import load_digits

    pixels, _ = load_digits(return_X_y=True)
    split = {name: load_split(dataset_spec("digits"), name) for name in ("train", "val", "test")}
    ours = [part[i]["image"].ravel() for part in split.values() for i in range(len(part))]
    scaled = sorted(map(tuple, np.round(pixels / 16 * 255).astype(int).tolist()))
    assert sorted(tuple(image.tolist()) for image in ours) == scaled
    assert [len(part) for part in split.values()] == [1257, 180, 360]


def test_statistics_of_digits_are_those_of_the_training_split():
    spec = dataset_spec("digits")
    train = load_split(spec, "train")
    pixels = np.stack([train[i]["image"] for i in range(len(train))]) / 255
    np.testing.assert_allclose(spec.mean, [pixels.mean()], atol=5e-5)
    np.testing.assert_allclose(spec.std, [pixels.std()], atol=5e-5)
