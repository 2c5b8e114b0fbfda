import numpy as np
import pytest

from jaxcnn.errors import UserError
from jaxcnn.explain.most_exciting import most_exciting
from tests.explain.networks import Bright, Convolution, variables_and_images


def bright_at(*values):
    """Images [N, 4, 4, 1], image i dark but for the value at row i % 4, column 2."""
    images = np.zeros((len(values), 4, 4, 1), np.float32)
    for i, value in enumerate(values):
        images[i, i % 4, 2] = value
    return images


def test_the_images_with_the_largest_values_come_first_whatever_their_batch():
    batches = [bright_at(1.0, 5.0, 2.0), bright_at(7.0, 5.0)]
    found = most_exciting(Bright(), {}, iter(batches), "stage1", channel=0, k=3)
    assert found.values.tolist() == [7.0, 5.0, 5.0]
    assert found.indices.tolist() == [3, 1, 4]  # Of equals the earlier.
    assert found.cells.tolist() == [[0, 2], [1, 2], [1, 2]]
    np.testing.assert_array_equal(
        found.images, np.stack([batches[1][0], batches[0][1], batches[1][1]])
    )


def test_of_fewer_images_than_asked_for_there_are_all():
    found = most_exciting(Bright(), {}, [bright_at(1.0, 5.0)], "stage1", 0, k=9)
    assert found.indices.tolist() == [1, 0]


def test_it_does_not_depend_on_how_images_are_batched_and_takes_features_too():
    model = Convolution()
    variables, images = variables_and_images(model)
    for stage in ("stage1", "pooled"):
        one = most_exciting(model, variables, [images], stage, 1, k=2)
        other = most_exciting(model, variables, [images[:1], images[1:]], stage, 1, k=2)
        assert one.indices.tolist() == other.indices.tolist()
        np.testing.assert_allclose(one.values, other.values, rtol=1e-5)
        assert one.cells.tolist() == other.cells.tolist()


@pytest.mark.parametrize(
    ("batches", "given", "message"),
    [
        ([bright_at(1.0)], ("stage2", 0, 1), "Bright has no stage 'stage2'; its stages are stage1"),
        ([bright_at(1.0)], ("stage1", 1, 1), "channel=1 is out of range; stage1 has 0 to 0"),
        ([bright_at(1.0)], ("stage1", 0, 0), "k=0 is out of range"),
        ([], ("stage1", 0, 1), "there are no images"),
    ],
)
def test_what_is_not_there_is_refused(batches, given, message):
    with pytest.raises(UserError, match=message):
        most_exciting(Bright(), {}, batches, *given)
