"""Equal parts of a program made one, so that there is less to compile."""

from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Jaxpr, JaxprEqn, Literal, Var
from jax.interpreters import partial_eval


def batch_equations(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` of arrays, with its equal equations evaluated as one under `jax.vmap`.

    For a program of one device that takes longer to compile than to run, as that which draws a
    network's parameters does: it derives a key for each and draws dozens of one shape. Results
    differ in rounding at most; what they do not depend on is left out.
    """

    def batched(*args: Any) -> Any:
        closed, like = jax.make_jaxpr(function, return_shape=True)(*args)
        needed = [True] * len(closed.jaxpr.outvars)
        jaxpr, _ = partial_eval.dce_jaxpr(closed.jaxpr, needed, instantiate=True)
        values = _Values()
        values.put(jaxpr.constvars, closed.consts)
        values.put(jaxpr.invars, jax.tree.leaves(args))
        for equations in _groups_of_equal(jaxpr):
            _evaluate(equations, values)
        return jax.tree.unflatten(jax.tree.structure(like), map(values.of, jaxpr.outvars))

    return batched


def _groups_of_equal(jaxpr: Jaxpr) -> list[list[JaxprEqn]]:
    """The equations, in groups that can be evaluated one after the other.

    Equal are those as many equations away from the arguments, with the same primitive and
    parameters and operands of the same types. Numbers that are written in them are the same too,
    but for integers: the compiler multiplies constants of floats with each other, which rounds.
    """
    depths: dict[Var, int] = {}
    groups: dict[Hashable, list[JaxprEqn]] = defaultdict(list)
    for equation in jaxpr.eqns:
        read = [depths.get(x, 0) for x in equation.invars if isinstance(x, Var)]
        depth = 1 + max(read, default=0)
        depths |= dict.fromkeys(equation.outvars, depth)
        written = [np.asarray(x.val) for x in equation.invars if isinstance(x, Literal)]
        description = (
            depth,
            equation.primitive,
            tuple(sorted(equation.params.items())),
            tuple(x.aval for x in equation.invars),
            tuple(x.tobytes() for x in written if not np.issubdtype(x.dtype, np.integer)),
        )
        groups[description].append(equation)
    return sorted(groups.values(), key=lambda equations: depths[equations[0].outvars[0]])


class _Values:
    """What the variables of a program come to."""

    def __init__(self) -> None:
        self._values: dict[Var, Any] = {}
        # Results of a group, one after the other, and where a variable is among them.
        self._stacks: dict[tuple[Var, ...], jax.Array] = {}
        self._rows: dict[Var, tuple[jax.Array, int]] = {}

    def put(self, variables: list[Var], values: list[Any]) -> None:
        self._values |= zip(variables, values, strict=True)

    def put_stack(self, variables: tuple[Var, ...], stack: jax.Array) -> None:
        self._stacks[variables] = stack
        self._rows |= {variable: (stack, row) for row, variable in enumerate(variables)}

    def of(self, operand: Var | Literal) -> Any:
        if isinstance(operand, Literal):
            return operand.val
        if operand not in self._values:
            stack, row = self._rows[operand]
            self._values[operand] = stack[row]
        return self._values[operand]

    def of_all(self, operands: tuple[Var | Literal, ...]) -> tuple[Any, int | None]:
        """Their values, stacked, and the axis that they are stacked along.

        None if they are one value: that value itself.
        """
        # Numbers by their bits: 0.0 and -0.0 are equal, and not the same.
        distinct = {x if isinstance(x, Var) else np.asarray(x.val).tobytes() for x in operands}
        if len(distinct) == 1:
            return self.of(operands[0]), None
        variables = tuple(x for x in operands if isinstance(x, Var))
        if len(variables) == len(operands) and variables in self._stacks:
            return self._stacks[variables], 0
        return jnp.stack([self.of(operand) for operand in operands]), 0


def _evaluate(equations: list[JaxprEqn], values: _Values) -> None:
    """Evaluates equal equations."""
    equation = equations[0]

    def evaluate(*operands: Any) -> list[Any]:
        results = equation.primitive.bind(*operands, **equation.params)
        return results if equation.primitive.multiple_results else [results]

    columns = zip(*(equation.invars for equation in equations), strict=True)
    operands = [values.of_all(column) for column in columns]
    axes = [axis for _, axis in operands]
    arrays = [array for array, _ in operands]
    if 0 not in axes:
        results = evaluate(*arrays)
        for equation in equations:
            values.put(equation.outvars, results)
        return
    outvars = zip(*(equation.outvars for equation in equations), strict=True)
    for variables, stack in zip(outvars, jax.vmap(evaluate, axes)(*arrays), strict=True):
        values.put_stack(variables, stack)
