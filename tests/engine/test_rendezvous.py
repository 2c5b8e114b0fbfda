"""Runs whose steps are one program end as each of them does alone."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import jax
import numpy as np
import pytest

from jaxcnn.engine.feed import Feed
from jaxcnn.engine.rendezvous import Ahead, Rendezvous
from jaxcnn.recipe import Augment, Mesh, Optim, Recipe
from jaxcnn.train.supply import Supply
from tests.engine.programs import program_of

RECIPE = Recipe(
    "linear",
    image_size=8,
    batch_size=300,
    steps=8,
    data_on_device="yes",
    augment=Augment(crop_padding=1, mixup=0.2),
    optim=Optim("sgd", lr=0.05, ema_decay=0.9),
    mesh=Mesh(data=1),
)


def trained(recipe, program, next_stop=lambda step: 8):
    """The last state, and every step's loss."""
    program = replace(program, seed=recipe.seed)
    state, losses = program.init_state(), []
    for arrival in Supply(Feed(recipe), program).training(0, next_stop):
        state, results = program.train(state, arrival.batch, program.step_key)
        losses += np.ravel(jax.device_get(results["loss"]))[: arrival.steps].tolist()
    return jax.device_get(state), losses


def together(recipes, program, **options):
    """Each run's in a thread of its own."""
    rendezvous = Rendezvous(program, len(recipes))

    def train(run):
        try:
            mine = replace(program, train=rendezvous.of_run(run))
            return trained(recipes[run], mine, **options.get(f"run{run}", {}))
        finally:
            rendezvous.leave(run)

    with ThreadPoolExecutor(len(recipes)) as threads:
        return list(threads.map(train, range(len(recipes))))


def assert_close(ours, theirs):
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6), ours, theirs)


@pytest.mark.parametrize(
    "recipe",
    [RECIPE, replace(RECIPE, data_on_device="no"), replace(RECIPE, mesh=Mesh(data=2, fsdp=2))],
    ids=["on one device", "by the host", "on four"],
)
def test_runs_abreast_are_what_each_is_alone(recipe):
    program = program_of(Feed(recipe))
    recipes = [replace(recipe, seed=seed) for seed in (0, 1, 5)]
    alone = [trained(each, program) for each in recipes]
    assert len({losses[0] for _, losses in alone}) == 3
    for (state, losses), expected in zip(together(recipes, program), alone, strict=True):
        assert_close(state, expected[0])
        assert losses == pytest.approx(expected[1], rel=1e-4)


def test_runs_at_unequal_places_are_what_each_is_alone():
    """Their dispatches have unequal numbers of steps: to the bit, while both go on."""
    program = program_of(Feed(RECIPE))
    recipes = [replace(RECIPE, seed=seed) for seed in (0, 1)]
    stops = [{"next_stop": lambda step: step + 1}, {"next_stop": lambda step: step + 2}]
    results = together(recipes, program, run0=stops[0], run1=stops[1])
    alone = [trained(each, program, **stop) for each, stop in zip(recipes, stops, strict=True)]
    # The second is over first; from then on it has a stand-in, and the other goes on.
    jax.tree.map(np.testing.assert_array_equal, results[1][0], alone[1][0])
    assert_close(results[0][0], alone[0][0])


def test_what_the_program_raises_every_run_raises(monkeypatch):
    program = program_of(Feed(RECIPE))

    def fail(*args):
        raise MemoryError("full")

    broken = replace(program, train_abreast=lambda num_runs: fail)
    rendezvous, raised = Rendezvous(broken, 2), []

    def train(run):
        with pytest.raises(MemoryError, match="full"):
            trained(RECIPE, replace(broken, train=rendezvous.of_run(run)))
        raised.append(run)

    threads = [threading.Thread(target=train, args=[run]) for run in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(raised) == [0, 1]


def test_the_program_ahead_is_one_for_all_runs():
    program = program_of(Feed(RECIPE))
    rendezvous = Rendezvous(program, 2)
    first, second = (
        replace(program, train=rendezvous.of_run(run)).lower_train(8) for run in (0, 1)
    )
    assert first is second
    assert isinstance(first, Ahead)


def test_a_program_ahead_is_compiled_once():
    compiled = []

    class Lowered:
        def compile(self):
            compiled.append(True)

    ahead = Ahead(Lowered())
    ahead.compile()
    ahead.compile()
    assert compiled == [True]
