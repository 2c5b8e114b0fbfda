import numpy as np
import pytest

from jaxcnn.data import dataset_spec
from jaxcnn.data.augment.chains import eval_transforms
from jaxcnn.data.augment.crop import CenterCrop
from jaxcnn.data.augment.resize import ResizeShorter
from jaxcnn.data.augment.views import Views, with_views
from jaxcnn.data.loader.pipeline import eval_batches
from jaxcnn.data.spec import ArraySource

PHOTOGRAPHS = dataset_spec("image_folder")
CROPPING = eval_transforms(PHOTOGRAPHS, image_size=14, channels=3, resize="crop")


def picture(height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(256, size=(height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(("height", "width"), [(6, 9), (4, 5)])
def test_ten_views_are_the_corners_the_centre_and_their_mirror_images(height, width):
    image = picture(height, width)
    image.flags.writeable = False
    views = Views((4, 5), mirror=True)(image, np.random.default_rng(0))
    expected = [image[:4, :5], image[:4, -5:], image[-4:, :5], image[-4:, -5:]]
    expected.append(CenterCrop((4, 5))(image, np.random.default_rng(0)))
    np.testing.assert_array_equal(views[:5], expected)
    np.testing.assert_array_equal(views[5:], [view[:, ::-1] for view in expected])


def test_flip_is_the_whole_image_and_its_mirror_image():
    image = picture(3, 4)
    views = Views(None, mirror=True)(image, np.random.default_rng(0))
    np.testing.assert_array_equal(views, [image, image[:, ::-1]])


@pytest.mark.parametrize(("name", "count"), [("flip", 2), ("five", 5), ("ten", 10)])
def test_views_have_the_models_size_and_contain_what_is_evaluated_without(name, count):
    image = picture(30, 20)
    source = ArraySource(image[None], np.zeros(1, np.int32))
    one = next(eval_batches(source, CROPPING, batch_size=1))["image"]
    many = next(eval_batches(source, with_views(CROPPING, name, PHOTOGRAPHS), batch_size=1))
    assert many["image"].shape == (1, count, 14, 14, 3)
    assert any(np.array_equal(view, one[0]) for view in many["image"][0])
    assert len({view.tobytes() for view in many["image"][0]}) == count


def test_no_views_are_the_transforms_as_they_are():
    assert with_views(CROPPING, "none", PHOTOGRAPHS) == CROPPING
    assert with_views(CROPPING, "five", PHOTOGRAPHS) == (
        ResizeShorter(16),
        Views((14, 14), mirror=False),
    )


@pytest.mark.parametrize(
    ("dataset", "name", "message"),
    [
        ("digits", "flip", "--tta=flip mirrors images, which changes the label of digits"),
        ("cifar10", "ten", "--tta=ten takes crops of larger images, .* cifar10's come whole"),
    ],
)
def test_views_that_cannot_be_had_are_refused(dataset, name, message):
    with pytest.raises(ValueError, match=message):
        with_views((), name, dataset_spec(dataset))
