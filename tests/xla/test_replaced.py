import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcnn.xla.replaced import count_named, with_replaced

X = jnp.linspace(-2.0, 8.0, 6)


def of_all_kinds(x, tree):
    """ReLUs plain, compiled on their own, and recomputed; beside them rules of other names."""
    plain = nn.relu(x) + nn.silu(x) + jnp.maximum(x, 0)
    return {"a": plain + jax.jit(nn.relu6)(x) + jax.checkpoint(nn.relu)(x), "b": tree["c"] @ x}


def test_functions_of_the_name_are_replaced_wherever_they_are_called():
    tree = {"c": jnp.ones((2, 6))}
    plain, replaced = (
        f(X, tree)
        for f in (
            of_all_kinds,
            with_replaced(
                of_all_kinds, {"relu": lambda x: 100 + nn.relu(x), "relu6": lambda x: 0 * x}
            ),
        )
    )
    np.testing.assert_allclose(replaced["a"], plain["a"] - nn.relu6(X) + 200, rtol=1e-6)
    np.testing.assert_array_equal(replaced["b"], plain["b"])


def test_with_the_function_itself_value_and_gradient_stay_compiled_too():
    tree = {"c": jnp.ones((2, 6))}

    def total(f):
        return lambda x: f(x, tree)["a"].sum()

    same = with_replaced(of_all_kinds, {"relu": nn.relu})
    for one, other in (
        (total(of_all_kinds), total(same)),
        (jax.grad(total(of_all_kinds)), jax.grad(total(same))),
    ):
        np.testing.assert_allclose(one(X), jax.jit(other)(X), rtol=1e-6)


def test_those_inside_a_loop_are_counted_and_not_reached():
    def looped(x):
        return jax.lax.map(nn.relu, x) + of_all_kinds(x, {"c": jnp.ones((2, 6))})["a"]

    assert count_named(looped, {"relu", "relu6"}, X) == (3, 4)
    assert count_named(looped, {"tanh"}, jax.ShapeDtypeStruct((6,), jnp.float32)) == (0, 0)
