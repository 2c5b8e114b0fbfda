"""The experiments that are claims: each runs, and each answer is that of its files."""

import io
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

from jaxcnn.data import dataset_spec
from jaxcnn.data.spec import ArraySource
from jaxcnn.models import create_model
from jaxcnn.recipe import check, model_overrides
from jaxcnn.sweeps import Comparison, Estimate
from tests.aside import Aside

with Aside() as ASIDE:  # Their networks and data sets are no other test's.
    from experiments import class_imbalance, leaky_split, seed_noise, squeeze_excite
    from experiments.__main__ import listed
    from experiments.form import page, results
    from experiments.form.catalogue import BESIDE, NOT_WRITTEN, claims
    from experiments.form.claim import Part, judged, overall
    from experiments.form.run import HERE, Options, run
    from experiments.form.table import Row, Table

    CLAIMS = claims()

RUN = [name for name in CLAIMS if results.read(HERE / results.FOLDER / name) is not None]
every_claim = pytest.mark.parametrize("name", CLAIMS)


@pytest.fixture(scope="module", autouse=True)
def registered():
    with ASIDE.again():
        yield


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """One for all, so that what several claims train is trained once."""
    return tmp_path_factory.mktemp("experiments")


# Of data, and of networks, of their own; `pytest -m slow` runs all of the others.
SOON = ("class_imbalance", "squeeze_excite")
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in CLAIMS if name not in SOON]


@pytest.mark.parametrize("name", [*SOON, *SLOW])
def test_a_claim_runs_quickly_from_its_runs_to_its_page(name, workdir):
    options = Options(quick=True, workdir=str(workdir))
    table, folder = run(CLAIMS[name], options, Console(file=io.StringIO()))
    assert table.runs == list(CLAIMS[name].runs)
    assert table.to_csv() == (folder / results.CSV).read_text()
    assert (folder / results.FIGURE).read_bytes().startswith(b"\x89PNG")
    # A seed decides nothing.
    assert overall(CLAIMS[name].answer(table)) == "undecided"
    assert not (HERE / results.FOLDER / name).samefile(folder) if name in RUN else True


@every_claim
def test_every_run_of_a_claim_is_a_recipe_whose_network_can_be_made(name):
    networks = {}
    for recipe in CLAIMS[name].runs.values():
        check(recipe)
        data, overrides = dataset_spec(recipe.dataset), model_overrides(recipe)
        networks[recipe.arch, str(overrides)] = recipe, data, overrides
    for recipe, data, overrides in networks.values():
        model = create_model(recipe.arch, num_classes=data.num_classes, **overrides)
        images = jnp.zeros((2, recipe.image_size, recipe.image_size, data.channels))
        logits, _ = jax.eval_shape(model.init_with_output, jax.random.key(0), images)
        assert logits.shape == (2, data.num_classes)


def test_every_number_of_the_history_is_a_claim_or_said_not_to_be_written():
    numbers = {claim.number for claim in CLAIMS.values()}
    assert sorted([*numbers, *NOT_WRITTEN]) == list(range(1, 21))


def test_a_claim_is_called_as_its_file_is_and_no_file_is_left_out():
    files = {path.stem for path in (HERE / "experiments").glob("*.py")}
    assert files - {"__main__", "command"} == {*CLAIMS, *BESIDE}


@pytest.mark.parametrize("name", RUN)
def test_the_page_of_a_claim_has_the_figures_of_its_csv(name):
    folder = HERE / results.FOLDER / name
    table, made = results.read(folder)
    assert (folder / results.PAGE).read_text() == results.page_of(CLAIMS[name], table, made)
    assert table.runs == list(CLAIMS[name].runs)
    assert len(table.rows) == CLAIMS[name].seeds * len(table.runs)
    assert len((folder / results.FIGURE).read_bytes()) < 100_000


def test_the_page_of_all_has_the_figures_of_the_csvs():
    assert page.PAGE.read_text() == page.text()


def test_the_list_has_every_claim_and_what_became_of_it():
    table = listed()
    assert len(table.rows) == len(CLAIMS) + len(NOT_WRITTEN) + len(BESIDE)
    answers = dict(zip(table.columns[1].cells, table.columns[3].cells, strict=True))
    for name in CLAIMS:
        assert (answers[name] == "not yet run") == (name not in RUN)


def test_the_course_has_every_claim_that_is_written():
    text = (HERE / "docs" / "course.md").read_text()
    for name in CLAIMS:
        assert f"python -m experiments.{name}" in text


ONE = Row("a", 0, {"top1": 0.5, "params": 1.0, "seconds": 1.0})


def rows(run, *values):
    return [replace(ONE, run=run, seed=i, figures={"top1": v}) for i, v in enumerate(values)]


def test_a_table_is_the_same_after_its_csv():
    table = Table((ONE, replace(ONE, seed=1), replace(ONE, run="b")))
    assert Table.from_csv(table.to_csv()) == table


def test_differences_are_paired_by_seed_and_corrected_for_all_that_are_asked_for():
    table = Table((*rows("a", 0.1, 0.2, 0.3), *rows("b", 0.21, 0.3, 0.42), *rows("c", 0, 1, 0)))
    (alone,) = table.differences("top1", [("b", "a")]).values()
    assert alone.difference.values == pytest.approx((0.11, 0.1, 0.12))
    both = table.differences("top1", [("b", "a"), ("c", "a")])
    assert both["b", "a"].p_value == pytest.approx(2 * alone.p_value)


@pytest.mark.parametrize(
    ("values", "p", "verdict"),
    [
        ((0.02, 0.03, 0.025), 0.01, "supported"),
        ((-0.02, -0.03, -0.025), 0.01, "not supported"),
        ((0.001, 0.0, -0.001), 0.9, "not supported"),  # Whatever there is, it is small.
        ((0.02, 0.03, -0.02), 0.5, "undecided"),
        ((0.02,), None, "undecided"),
    ],
)
def test_a_verdict_follows_from_the_difference_and_its_interval(values, p, verdict):
    comparison = Comparison(Estimate(values), p)
    assert judged(comparison, above=True, smallest=0.01) == verdict
    mirrored = Comparison(Estimate(tuple(-value for value in values)), p)
    assert judged(mirrored, above=False, smallest=0.01) == verdict


def test_parts_that_differ_are_counted():
    parts = [Part("", "", verdict) for verdict in ("supported", "undecided", "not supported")]
    assert overall(parts) == "in part: 1 of 3 supported, 1 of 3 not supported"
    assert overall(parts[:1]) == "supported"


def test_results_are_where_the_repository_is():
    assert Path(HERE, "experiments", "RESULTS.md") == page.PAGE


def test_gates_are_those_of_the_stage_that_is_asked_for():
    model = squeeze_excite.SmallSEResNet(10, blocks_per_stage=1, width=4)
    images = jax.random.normal(jax.random.key(0), (3, 8, 8, 3))
    variables = jax.jit(model.init)(jax.random.key(1), images)
    for stage, channels in ((1, 4), (3, 16)):
        gates = squeeze_excite._gates(model, variables, images, stage)
        assert gates.shape == (3, channels) and (gates > 0).all() and (gates < 1).all()


def test_the_best_of_one_seed_is_what_a_seed_gives_and_the_best_of_all_the_highest():
    test = np.array([0.5, 0.52, 0.54])
    part = seed_noise._flattered(test)
    assert "the best of 3 reports +0.0200" in part.measured


def test_a_leaky_training_set_has_as_many_images_and_none_of_those_that_are_never_seen():
    images = np.arange(5_000, dtype=np.int64).reshape(-1, 1, 1, 1)
    with pytest.MonkeyPatch.context() as patch:
        whole = {split: ArraySource(images + base, images[:, 0, 0, 0]) for split, base in
                 (("train", 0), ("val", 0), ("test", 10_000))}  # fmt: skip
        patch.setattr(leaky_split.small_cifar10, "load", lambda split, data_dir: whole[split])
        leaky_split._part.cache_clear()
        for percent in leaky_split.LEAKED_PERCENT:
            train, test = (leaky_split._load(percent, split).images for split in ("train", "test"))
            unseen = leaky_split._part("test", leaky_split.TEST, 2 * leaky_split.TEST, None)
            assert len(train) == leaky_split.TRAIN
            assert np.isin(test, train).mean() == percent / 100
            assert not np.isin(unseen.images, np.concatenate([train, test])).any()
        leaky_split._part.cache_clear()


def test_the_long_tail_has_the_counts_that_its_prior_is_of():
    labels = np.repeat(np.arange(10), 1_000)
    even = ArraySource(np.zeros((len(labels), 1, 1, 1), np.uint8), labels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(class_imbalance.small_cifar10, "load", lambda split, data_dir: even)
        class_imbalance._load.cache_clear()
        train = class_imbalance._load("train")
        class_imbalance._load.cache_clear()
    assert np.bincount(train.labels).tolist() == class_imbalance.COUNTS.tolist()
    assert class_imbalance.COUNTS[0] / class_imbalance.COUNTS[-1] == class_imbalance.RATIO
