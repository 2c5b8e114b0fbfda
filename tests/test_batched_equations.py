from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.extend.core import jaxprs_in_params

from jaxcnn.batched_equations import batch_equations
from jaxcnn.models import create_model, model_spec
from jaxcnn.models.spec import init_variables
from tests.models.test_contract import smallest_of_each_kind

KEY = jax.random.key(3)


def primitives(function, *args):
    """How often each is in the program, those of its inner programs with it."""
    counts = Counter()

    def count(jaxpr):
        for equation in jaxpr.eqns:
            counts[equation.primitive.name] += 1
            for inner in jaxprs_in_params(equation.params):
                count(inner)

    count(jax.make_jaxpr(function)(*args).jaxpr)
    return counts


def draws(shapes):
    def function(key):
        return [
            jax.random.normal(jax.random.fold_in(key, number), shape) * scale
            for number, (shape, scale) in enumerate(shapes)
        ]

    return function


SHAPES = st.sampled_from([(), (3,), (2, 3), (3, 2), (4, 4)])


@given(st.lists(st.tuples(SHAPES, st.sampled_from([0.1, 0.5, 2.0])), min_size=1, max_size=8))
@settings(max_examples=20, deadline=None)
def test_draws_of_equal_shape_are_the_draws_one_by_one(shapes):
    function = draws(shapes)
    for got, want in zip(batch_equations(function)(KEY), function(KEY), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6)


def test_what_is_equal_is_done_at_once():
    shapes = [((2, 3), 0.5), ((3, 2), 0.5), ((2, 3), 0.5), ((2, 3), 0.25)]
    one_by_one = primitives(draws(shapes), KEY)
    assert (one_by_one["random_fold_in"], one_by_one["random_bits"]) == (4, 4)
    at_once = primitives(batch_equations(draws(shapes)), KEY)
    assert (at_once["random_fold_in"], at_once["random_bits"]) == (1, 2)


def test_integers_that_are_written_in_equations_may_differ_and_floats_may_not():
    def function(n, x):
        return [n * 2, n * 3, n * 3], [x * 2.0, x * 3.0, x * 3.0]

    args = jnp.arange(3), jnp.ones(3)
    assert primitives(batch_equations(function), *args)["mul"] == 3  # One of n, two of x.
    got, want = batch_equations(function)(*args), function(*args)
    jax.tree.map(np.testing.assert_array_equal, got, want)


def test_zeros_of_either_sign_are_told_apart():
    def function(x):
        return [x * 0.0, x * -0.0, jnp.copysign(x, 0.0), jnp.copysign(x, -0.0)]

    got, want = batch_equations(function)(jnp.ones(2)), function(jnp.ones(2))
    np.testing.assert_array_equal(np.signbit(got), np.signbit(want))


def test_operands_may_be_arguments_constants_numbers_and_earlier_results():
    table = jnp.arange(12.0).reshape(3, 4)

    def function(x, y):
        sums = [x + y, y + x, x + 1.0, 1.0 + table[0], table[1] + table[2]]
        products = [a * b for a, b in zip(sums, reversed(sums), strict=True)]
        return {"all": products, "one": jnp.concatenate(products[1:3]), "x": x, "number": 2.0}

    args = jnp.arange(4.0), jnp.linspace(-1, 1, 4)
    got, want = batch_equations(function)(*args), function(*args)
    jax.tree.map(np.testing.assert_array_equal, got, want)


def test_what_no_result_depends_on_is_left_out():
    def function(x):
        jnp.linalg.norm(jnp.sin(x))
        return x + 1

    assert set(primitives(batch_equations(function), jnp.ones(3))) == {"add"}


@pytest.mark.parametrize("name", smallest_of_each_kind())
def test_a_network_begins_as_it_would_and_draws_each_shape_once(name):
    spec = model_spec(name)
    model = create_model(name, num_classes=10)
    size = (spec.image_size, spec.image_size)

    def init(key):
        return init_variables(model, key, size, spec.channels)

    shapes = jax.eval_shape(init, KEY)
    assert jax.eval_shape(batch_equations(init), KEY) == shapes
    drawn = primitives(batch_equations(init), KEY)["random_bits"]
    params = jax.tree.leaves(shapes["params"])
    # A shape may be drawn in several ways, or at several depths.
    assert drawn <= len({leaf.shape for leaf in params}) + 3
    if sum(leaf.size for leaf in params) < 1_000_000:
        got, want = jax.jit(batch_equations(init))(KEY), jax.jit(init)(KEY)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), got, want)
