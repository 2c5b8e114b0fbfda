import numpy as np

from jaxcnn.soup.averages import greedy, mean_of


def network(value):
    return {"params": {"a": np.full(3, value, np.float32)}, "batch_stats": {}}


def test_a_mean_is_of_each_array_in_its_own_type():
    mean = mean_of([network(1), network(2), network(6)])
    assert mean["params"]["a"].dtype == np.float32
    np.testing.assert_array_equal(mean["params"]["a"], np.full(3, 3, np.float32))


def test_the_greedy_average_has_those_that_make_it_no_worse_the_best_first():
    """The figure is the closeness to 10: 12 with 8 is exact, 9 leaves it worse."""
    values = [9, 30, 12, 8]

    def measure(weights):
        return -abs(float(weights["params"]["a"][0]) - 10)

    networks = [network(value) for value in values]
    figures = [-1.0, -20.0, -2.0, -1.5]  # The order: 9, 8, 12, 30.
    assert greedy(networks, figures, measure) == [0, 2]  # 9 and 8: 8.5, worse; 9 and 12: 10.5.


def test_an_average_that_is_as_good_keeps_its_newcomer():
    networks = [network(1), network(2)]
    assert greedy(networks, [0.5, 0.4], lambda weights: 0.5) == [0, 1]
