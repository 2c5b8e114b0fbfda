"""Stochastic weight averaging: the mean of the ends of epochs, kept and gone on with to the bit."""

import io
from dataclasses import replace

import chex
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from rich.console import Console

from jaxcnn.data import dataset_spec, load_split
from jaxcnn.engine.swa import swa_rate
from jaxcnn.errors import Interrupted, UserError
from jaxcnn.layers.normalize import BatchNorm
from jaxcnn.recipe import Mesh, Optim, Recipe, Schedule, check
from jaxcnn.run.checkpoint import Checkpoints
from jaxcnn.task.mixing import normalize
from jaxcnn.train.fit import fit
from tests.train.stops import at_look
from tests.train.test_loop import state_at

# 1,257 training images: 4 steps an epoch.
RECIPE = Recipe(
    "linear",
    epochs=4,
    batch_size=256,
    image_size=8,
    mesh=Mesh(data=1),
    test=False,
    data_on_device="no",
    optim=Optim(lr=0.1, swa_start=0.5),
    schedule=Schedule("constant"),
)


def fitted(recipe, folder, **kwargs):
    return fit(recipe, folder, console=Console(file=io.StringIO()), **kwargs)


@pytest.mark.parametrize(
    ("start", "total", "counted"),
    [(0.5, 16, [8, 12, 16]), (0.0, 16, [4, 8, 12, 16]), (0.9, 14, [14]), (0.55, 15, [12, 15])],
)
def test_the_average_is_the_mean_of_the_ends_that_count(start, total, counted):
    """And before them, of the latest end alone."""
    rate = swa_rate(start, steps_per_epoch=4, total_steps=total)
    average, ends = -1.0, []
    for step in range(1, total + 1):
        share = float(rate(jnp.int32(step)))
        average = (1 - share) * average + share * step**2
        if step % 4 == 0 or step == total:
            before = [end for end in ends if end in counted]
            ends = [*before, step] if step in counted else [step]
            assert average == pytest.approx(np.mean(np.square(ends)))
    assert ends == counted


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A run whose every checkpoint at an epoch's end is kept: (folder, summary, these)."""
    folder, kept = tmp_path_factory.mktemp("alone"), {}
    save = Checkpoints.save

    def keeping(self, state, progress, *, evaluated):
        save(self, state, progress, evaluated=evaluated)
        kept[int(state.step)] = {
            "params": {n: np.asarray(a) for n, a in state.params["head"].items()},
            "ema_params": {n: np.asarray(a) for n, a in state.ema_params["head"].items()},
        }

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoints, "save", keeping)
        return folder, fitted(RECIPE, folder), kept


def test_what_is_evaluated_is_the_mean_of_the_ends_of_epochs_from_the_share_on(alone):
    _, _, kept = alone
    chex.assert_trees_all_equal(kept[4]["ema_params"], kept[4]["params"])
    for end, ends in {8: [8], 12: [8, 12], 16: [8, 12, 16]}.items():
        for name, average in kept[end]["ema_params"].items():
            expected = np.mean([kept[each]["params"][name] for each in ends], axis=0)
            np.testing.assert_allclose(average, expected, rtol=1e-5, atol=1e-7)


def test_a_stopped_run_goes_on_to_the_bit(alone, tmp_path):
    folder, summary, _ = alone
    with pytest.raises(Interrupted):
        fitted(RECIPE, tmp_path, stop_when_asked=at_look(14))
    stopped = fitted(RECIPE, tmp_path)
    assert {**stopped, "seconds": 0} == {**summary, "seconds": 0}
    chex.assert_trees_all_equal(state_at(folder, 16), state_at(tmp_path, 16))
    with pytest.raises(UserError, match="--extend would begin the average"):
        fitted(replace(RECIPE, epochs=5), tmp_path, extend=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optim": Optim(swa_start=0.5, ema_decay=0.9)}, "give --optim.ema-decay=None"),
        ({"optim": Optim(swa_start=1.5)}, "--optim.swa-start=1.5"),
        ({"on_nan": "rollback"}, "give --on-nan=skip or stop"),
    ],
)
def test_what_does_not_go_together_is_refused(changes, message):
    with pytest.raises(UserError, match=message):
        check(replace(RECIPE, **changes))


class Normed(nn.Module):
    """As little as has batch statistics."""

    @nn.compact
    def __call__(self, images, *, train=False):
        x = nn.Dense(6, name="hidden")(images.reshape(len(images), -1))
        return nn.Dense(10, name="head")(BatchNorm(not train, name="norm")(x))


def test_batch_statistics_are_those_that_the_averaged_weights_have(tmp_path):
    recipe = replace(RECIPE, epochs=3)
    fitted(recipe, tmp_path, model=Normed())
    state = state_at(tmp_path, 12)
    source = load_split(dataset_spec("digits"), "train")
    images = np.stack([source[i]["image"] for i in range(len(source))])
    digits = dataset_spec("digits")
    flat = np.asarray(normalize(images, digits.mean, digits.std)).reshape(len(images), -1)
    hidden = state["ema_params"]["hidden"]
    x = flat @ np.asarray(hidden["kernel"]) + np.asarray(hidden["bias"])
    found = state["ema_batch_stats"]["norm"]
    # Of a sample of as many as validation has.
    assert np.abs(found["mean"] - x.mean(0)).max() < 0.3 * x.std(0).min()
    np.testing.assert_allclose(found["var"], x.var(0), rtol=0.35)
