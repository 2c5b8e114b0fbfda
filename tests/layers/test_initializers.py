import jax
import numpy as np
import pytest

from jaxcnn.layers.initializers import he_normal_fan_in, he_normal_fan_out


@pytest.mark.parametrize(
    ("init", "variance"), [(he_normal_fan_in, 2 / (9 * 64)), (he_normal_fan_out, 2 / (9 * 256))]
)
def test_kernels_are_normal_with_variance_2_over_their_fan(init, variance):
    kernel = np.asarray(init(jax.random.key(0), (3, 3, 64, 256)))
    assert kernel.var() == pytest.approx(variance, rel=0.02)
    # So many of a normal's values lie beyond three deviations: none is cut off.
    beyond = (np.abs(kernel) > 3 * variance**0.5).mean()
    assert beyond == pytest.approx(0.0027, rel=0.2)
