"""Counts multiply-accumulates, by reading the program rather than running it."""

import math
from collections.abc import Callable
from typing import Any

import jax
from jax.extend import core


def count_macs(function: Callable[..., Any], *args: Any) -> int:
    """Multiply-accumulates of the convolutions and matrix products in `function(*args)`.

    `args` may be shapes (`jax.ShapeDtypeStruct`). Element-wise work, normalisation and pooling
    are not counted, as papers do not.
    """
    return _count(jax.make_jaxpr(function)(*args).jaxpr)


def _count(jaxpr: core.Jaxpr) -> int:
    return sum(_count_equation(equation) for equation in jaxpr.eqns)


def _count_equation(equation: core.JaxprEqn) -> int:
    match equation.primitive.name:
        case "conv_general_dilated":
            kernel, out = _shape(equation.invars[1]), _shape(equation.outvars[0])
            out_channels = kernel[equation.params["dimension_numbers"].rhs_spec[0]]
            return math.prod(out) * math.prod(kernel) // out_channels
        case "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            left, out = _shape(equation.invars[0]), _shape(equation.outvars[0])
            return math.prod(out) * math.prod(left[i] for i in contracted)
        case "cond":
            # The branches are one operation's lowerings for several platforms; the last is the
            # plain one: on CPU a convolution may not show its products, a mean be one.
            return _count(equation.params["branches"][-1].jaxpr)
        case "scan":
            return equation.params["length"] * _count(equation.params["jaxpr"].jaxpr)
    return sum(map(_count, core.jaxprs_in_params(equation.params)))


def _shape(variable: Any) -> tuple[int, ...]:
    return variable.aval.shape
