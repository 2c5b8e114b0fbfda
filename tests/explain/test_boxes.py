import numpy as np
import pytest

from jaxcnn.errors import UserError
from jaxcnn.explain.boxes import Box, box, max_box_accuracy, overlap


def drawn(*boxes, size=(20, 30)):
    """A picture with a square of its own brightness at each (box, brightness)."""
    picture = np.zeros(size, np.float32)
    for (left, top, right, bottom), value in boxes:
        picture[top:bottom, left:right] = value
    return picture


def test_a_drawn_squares_box_is_its_edges():
    assert box(drawn(((3, 5, 9, 12), 1.0)), 0.5) == Box(3, 5, 9, 12)
    assert box(drawn(((0, 0, 30, 1), -2.0)) + 7.0, 1.0) == Box(0, 1, 30, 20)


def test_of_several_parts_the_largest_counts_not_the_brightest():
    picture = drawn(((0, 0, 3, 3), 2.0), ((10, 10, 15, 15), 1.5), ((20, 0, 22, 20), 0.2))
    assert box(picture, 0.5) == Box(10, 10, 15, 15)
    assert box(picture, 0.9) == Box(0, 0, 3, 3)
    assert box(picture, 0.05) == Box(20, 0, 22, 20)
    assert box(picture, 0.0) == Box(0, 0, 30, 20)


def test_parts_that_touch_at_a_corner_are_one():
    assert box(drawn(((2, 2, 4, 4), 1.0), ((4, 4, 6, 6), 1.0)), 0.5) == Box(2, 2, 6, 6)


def test_a_map_that_is_everywhere_the_same_gives_the_whole_picture():
    assert box(np.full((4, 6), 3.0), 0.7) == Box(0, 0, 6, 4)


def test_overlap_is_intersection_over_union():
    assert overlap(Box(0, 0, 4, 4), Box(0, 0, 4, 4)) == 1.0
    assert overlap(Box(0, 0, 4, 4), Box(2, 0, 6, 4)) == pytest.approx(8 / 24)
    assert overlap(Box(0, 0, 4, 4), Box(4, 0, 6, 4)) == 0.0


# A core of 4x4 in a halo of 8x8, which is 0.6 as bright, and a haze of 16x16 of 0.2.
HALO = drawn(((2, 2, 18, 18), 0.2), ((6, 6, 14, 14), 0.6), ((8, 8, 12, 12), 1.0))


def test_max_box_accuracy_by_hand():
    """Above 0.2 the box is the halo, above 0.6 the core: of three pictures whose object is haze,
    halo and core one is right at any one threshold, and two whose objects are the halo's half."""
    core, halo, haze = [Box(8, 8, 12, 12)], [Box(6, 6, 14, 14)], [Box(2, 2, 18, 18)]
    half = [Box(6, 6, 14, 10)]  # Overlaps the halo by a half, the core by 8 of 40.
    assert max_box_accuracy([HALO] * 3, [core, halo, haze]).accuracy == pytest.approx(1 / 3)
    found = max_box_accuracy([HALO] * 3, [half, halo, core])
    assert found.accuracy == pytest.approx(2 / 3)
    assert 0.2 < found.threshold <= 0.6
    assert max_box_accuracy([HALO] * 2, [half, halo], least_overlap=0.6).accuracy == 0.5
    assert max_box_accuracy([HALO], [[*core, *haze]], thresholds=[0.1]).accuracy == 1.0
    assert max_box_accuracy([HALO], [core], thresholds=[0.1]).accuracy == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: box(np.zeros((2, 2, 2)), 0.5), "a map is .H, W. of finite numbers"),
        (lambda: box(np.full((2, 2), np.nan), 0.5), "a map is .H, W. of finite numbers"),
        (lambda: box(np.zeros((2, 2)), 1.5), "threshold=1.5 is out of range"),
        (lambda: max_box_accuracy([HALO], [[]]), "each map needs true boxes"),
        (lambda: max_box_accuracy([], []), "each map needs true boxes"),
    ],
)
def test_what_has_no_box_is_refused(call, message):
    with pytest.raises(UserError, match=message):
        call()
