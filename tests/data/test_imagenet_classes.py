"""Names of ImageNet's classes, by their number in the set of so many classes."""

import pytest

from jaxcnn.data.imagenet_classes import SETS, imagenet_classes


@pytest.mark.parametrize("num_classes", SETS)
def test_a_set_has_a_name_for_each_of_its_classes(num_classes):
    _, names = imagenet_classes(num_classes)
    assert len(names) == num_classes
    assert all(name == name.strip() != "" for name in names)


def test_classes_of_imagenet_1k_are_in_the_order_of_its_labels():
    title, names = imagenet_classes(1000)
    assert title == "ImageNet-1k"
    known = {0: "tench", 1: "goldfish", 151: "Chihuahua", 207: "golden retriever", 281: "tabby"}
    assert {number: names[number] for number in known} == known
    assert names[999] == "toilet tissue"
    assert len(set(names)) == 1000  # A crane is a bird, and another a machine.


def test_other_numbers_of_classes_are_of_no_known_set():
    assert imagenet_classes(10) is None
