"""The step compiled for TPUs that are not here: what can go wrong, in a line."""

import jax
import pytest

from jaxcnn.plan import command as plan
from jaxcnn.plan import step_cost
from jaxcnn.plan.step_cost import StepCost

# As libtpu 0.0.52 has them.
WHOLE = "RESOURCE_EXHAUSTED: Ran out of memory in memory space hbm. Used 25.50G of 15.75G hbm. "
WHOLE += "Exceeded hbm capacity by 9.75G. HLO module: jit_step."
TEMPORARIES = "RESOURCE_EXHAUSTED: E1000: CompileTimeHbmOom: Ran out of memory on HBM, the total "
TEMPORARIES += "memory required for HLO temporaries (167.39G) exceeds available HBM (15.75G). HLO "


@pytest.mark.parametrize("said, used", [(WHOLE, 25.5), (TEMPORARIES, 167.39)])
def test_what_the_compiler_says_of_memory_is_understood(said, used):
    problem = step_cost.out_of_memory(said)
    assert problem is not None
    assert (problem.used, problem.available) == (used * 2**30, 15.75 * 2**30)
    assert step_cost.out_of_memory("INTERNAL: something else") is None


def test_without_the_tpus_compiler_one_line_says_how_to_get_it(capsys, monkeypatch):
    monkeypatch.setattr(step_cost, "find_spec", lambda name: None)
    assert plan.main(["--arch=lenet5", "--topology=v5e:2x2"]) == 2
    error = capsys.readouterr().err
    assert "--topology needs libtpu" in error and "pip install '.[tpu]'" in error
    assert error.count("\n") == 1


def test_a_compiler_in_use_is_waited_for(monkeypatch, capsys):
    def described(**_):
        raise jax.errors.JaxRuntimeError(
            "ABORTED: Internal error when accessing libtpu multi-process lockfile. Run ..."
        )

    monkeypatch.setattr(step_cost, "find_spec", lambda name: name)
    monkeypatch.setattr(step_cost.topologies, "get_topology_desc", described)
    assert plan.main(["--arch=lenet5", "--topology=v5e:2x2"]) == 2
    error = capsys.readouterr().err
    assert "in use by another process" in error and error.count("\n") == 1


def test_a_topology_that_is_none_is_refused_in_the_compilers_first_line(monkeypatch, capsys):
    def described(**_):
        raise jax.errors.JaxRuntimeError("INVALID_ARGUMENT: no such shape\nand a stack")

    monkeypatch.setattr(step_cost, "find_spec", lambda name: name)
    monkeypatch.setattr(step_cost.topologies, "get_topology_desc", described)
    assert plan.main(["--arch=lenet5", "--topology=v5e:3x5"]) == 2
    error = capsys.readouterr().err
    assert "--topology=v5e:3x5 is none: INVALID_ARGUMENT: no such shape" in error
    assert error.count("\n") == 1


def test_a_chips_memory_holds_state_temporaries_and_program():
    cost = StepCost(1, 20, 300, flops=0.0, hbm_bytes=0.0, collectives={})
    assert cost.used_bytes == 321
