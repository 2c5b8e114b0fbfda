"""What a program gave is told from what is of that kind but other."""

from dataclasses import dataclass
from functools import partial

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcnn.run.known_again import changed, differences, known
from jaxcnn.task.losses import cross_entropy

SCALE = 3


class Block(nn.Module):
    width: int = 2

    def __call__(self, x):
        return SCALE * x


class Net(nn.Module):
    block: type[nn.Module] = Block
    act: object = nn.relu
    head: nn.Module = Block(4)
    dtype: object = jnp.float32

    def __call__(self, images, train):
        return Block()(images)


@dataclass(frozen=True)
class Shift:
    table: object


def scaled(by):
    return lambda image, rng: image * by


def test_a_value_is_in_words_without_addresses_and_the_same_again():
    assert known(Net()) == known(Net())
    values = known(Net()).values
    assert values == {
        "block": "Block",
        "act": "relu",
        "head": "Block{'width': 4}",
        "dtype": "float32",
    }
    # Of other packages what a field or a closure holds may change with their versions.
    dense = known(nn.Dense(3, kernel_init=nn.initializers.he_normal())).values
    assert dense == {"features": "3", "kernel_init": "variance_scaling.<locals>.init"}


def test_other_values_are_told():
    def told(one, other):
        return differences({"it": known(one)}, {"it": known(other)})

    assert told(Net(), Net(act=nn.gelu)) == ["it's act: relu != gelu"]
    assert told(Net(), Net(head=Block(5))) == ["it's head: Block{'width': 4} != Block{'width': 5}"]
    assert told(scaled(2), scaled(3)) == ["it's by: 2 != 3"]
    assert told(partial(scaled, 1), partial(scaled, 2))
    assert told(Shift(np.zeros(3)), Shift(np.ones(3)))
    assert told(cross_entropy(0.1), cross_entropy(0.2)) == ["it's label_smoothing: 0.1 != 0.2"]
    assert told(Net(), Block())[0].endswith("Block, where the run was given " + known(Net()).path)
    assert differences({}, {"task": known(scaled)})[0].endswith("the run was given none")
    assert not told(Net(), Net())


def test_code_that_it_names_is_its_code(monkeypatch):
    before = {"model": known(Net())}
    monkeypatch.setattr("tests.run.test_known_again.SCALE", 4)
    after = {"model": known(Net())}
    assert differences(before, after) == []
    (line,) = changed(before, after)
    assert line.startswith("the code of model, tests.run.test_known_again.Net, has changed")
    assert changed(before, before) == []


def test_of_a_lambda_its_body_counts_and_not_what_else_is_on_its_lines():
    one, other, third = known(lambda x: x + 1), known(lambda x: x + 1), known(lambda x: x + 2)
    assert one.sha256 == other.sha256 != third.sha256
