"""A function's inner functions of given names in exchange for others, without touching its code.

JAX keeps the name of a function with a gradient of its own (`jax.custom_jvp`) in what it traces:
that is how `jax.nn.relu` can be told from any other maximum, and given another gradient.
"""

from collections.abc import Callable, Container, Mapping
from typing import Any

import jax
from jax.extend import core

# What calls a program of its own, once, on all its arguments; to look inside is to run it in place.
_CALLS = ("jit", "pjit", "closed_call", "core_call", "checkpoint", "remat2")


def with_replaced(
    function: Callable[..., Any], replacements: Mapping[str, Callable[[jax.Array], jax.Array]]
) -> Callable[..., Any]:
    """`function` of arrays, in which each `jax.custom_jvp` function so named is another.

    Args:
        function: of arrays or trees of them.
        replacements: by the name of the function that is replaced; each of one array.

    One inside a loop, a branch or a gradient rule of its own stays as it is: see `count_named`.
    """

    def replaced(*args: Any) -> Any:
        closed, shape = jax.make_jaxpr(function, return_shape=True)(*args)
        leaves = _run(closed.jaxpr, closed.consts, jax.tree.leaves(args), replacements)
        return jax.tree.unflatten(jax.tree.structure(shape), leaves)

    return replaced


def count_named(function: Callable[..., Any], names: Container[str], *args: Any) -> tuple[int, int]:
    """How many calls of functions so named `with_replaced` reaches, and how many there are.

    `args` may be shapes (`jax.ShapeDtypeStruct`).
    """
    jaxpr = jax.make_jaxpr(function)(*args).jaxpr
    return _count(jaxpr, names, reached_only=True), _count(jaxpr, names, reached_only=False)


def _name(equation: core.JaxprEqn) -> str:
    """That of a `jax.custom_jvp` function, else none."""
    is_function = equation.primitive.name == "custom_jvp_call"
    return equation.params["call_jaxpr"].jaxpr.debug_info.func_name if is_function else ""


def _inner(equation: core.JaxprEqn) -> tuple[core.Jaxpr, list[Any]] | None:
    """The program of an equation that only calls one, and its constants."""
    if equation.primitive.name not in _CALLS:
        return None
    inner: Any = equation.params.get("jaxpr", equation.params.get("call_jaxpr"))
    # Closed over its constants, or without any, as the version of JAX has it.
    return getattr(inner, "jaxpr", inner), getattr(inner, "consts", [])


def _run(
    jaxpr: core.Jaxpr,
    consts: list[Any],
    args: list[Any],
    replacements: Mapping[str, Callable[[jax.Array], jax.Array]],
) -> list[Any]:
    values: dict[Any, Any] = dict(zip(jaxpr.constvars, consts, strict=True))
    values |= dict(zip(jaxpr.invars, args, strict=True))

    def read(variable: Any) -> Any:
        return variable.val if isinstance(variable, core.Literal) else values[variable]

    for equation in jaxpr.eqns:
        given = [read(variable) for variable in equation.invars]
        if (replacement := replacements.get(_name(equation))) is not None:
            found = [replacement(*given)]
        elif (inner := _inner(equation)) is not None:
            found = _run(*inner, given, replacements)
        else:
            params = equation.primitive.get_bind_params(equation.params)
            found = equation.primitive.bind(*given, **params)
            found = found if equation.primitive.multiple_results else [found]
        values |= dict(zip(equation.outvars, found, strict=True))
    return [read(variable) for variable in jaxpr.outvars]


def _count(jaxpr: core.Jaxpr, names: Container[str], *, reached_only: bool) -> int:
    count = 0
    for equation in jaxpr.eqns:
        if _name(equation) in names:
            count += 1
        elif (inner := _inner(equation)) is not None:
            count += _count(inner[0], names, reached_only=reached_only)
        elif not reached_only:
            inside = core.jaxprs_in_params(equation.params)
            count += sum(_count(other, names, reached_only=False) for other in inside)
    return count
