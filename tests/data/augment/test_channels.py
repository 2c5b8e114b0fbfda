from jaxcnn.data.augment.channels import ToChannels
from tests.data.augment.pictures import picture, rng


def test_grey_is_repeated_over_channels():
    image = picture(3, 4, 1)
    out = ToChannels(3)(image, rng())
    assert out.shape == (3, 4, 3)
    assert (out == image).all()


def test_an_image_that_has_the_channels_already_is_no_work():
    image = picture(8, 8, 3)
    assert ToChannels(3)(image, rng()) is image
