import numpy as np

from jaxcnn.explain.grid import around_grey, grid


def test_pictures_lie_row_by_row_with_white_between_them():
    pictures = np.stack([np.full((2, 3, 1), value) for value in (0.1, 0.2, 0.3)])
    found = np.asarray(grid(pictures, columns=2))[..., 0]
    assert found.shape == (5, 7)
    np.testing.assert_allclose(found[:2, :3], 0.1)
    np.testing.assert_allclose(found[:2, 4:], 0.2)
    np.testing.assert_allclose(found[3:, :3], 0.3)
    assert (found[3:, 4:] == 1).all() and (found[2] == 1).all() and (found[:, 3] == 1).all()


def test_it_is_as_wide_as_high_if_not_told_otherwise():
    assert grid(np.zeros((10, 2, 2, 3))).shape == (8, 11, 3)


def test_zero_is_grey_and_the_largest_value_at_an_end():
    values = np.array([[0.0, -4.0], [2.0, 1.0]]).reshape(1, 2, 2, 1)
    both = np.concatenate([values, np.zeros_like(values)])
    found = np.asarray(around_grey(both))[..., 0]
    np.testing.assert_allclose(found[0], [[0.5, 0.0], [0.75, 0.625]])
    np.testing.assert_allclose(found[1], 0.5)
