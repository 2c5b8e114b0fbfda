"""Every command of README and docs/ is one that its program takes, and does what the text says."""

import importlib
import re
import shlex
import textwrap
from importlib.util import find_spec
from pathlib import Path

import huggingface_hub.constants
import pytest

from jaxcnn.__main__ import commands as programs
from jaxcnn.benchmark import command as benchmark
from jaxcnn.command import cli
from jaxcnn.command.plugin_flag import load_plugins
from jaxcnn.plan import command as plan
from jaxcnn.predict import command as predict
from jaxcnn.recipe import Recipe, check
from jaxcnn.selfcheck import command as selfcheck
from jaxcnn.sweep import command as sweep
from jaxcnn.train import command as train
from jaxcnn.tune import command as tune

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INDENTED = re.compile(r"^ {4}(python -m .*)$", re.MULTILINE)
INLINE = re.compile(r"`((?:python\s-m|jaxcnn)\s[^`]*)`")
# `python -m jaxcnn.train ...`, or `jaxcnn train ...` by the console script.
OURS = re.compile(r"python\s-m\sjaxcnn\.(.*)|^jaxcnn\s+(?!--version)(.*)", re.DOTALL)
# What a reader puts a value of their own for, as it stands there.
PLACEHOLDERS = {"--arch=ARCH": "--arch=resnet50", "--arch=NAME": "--arch=resnet50"}
PLACEHOLDERS |= {"--recipe=NAME": "--recipe=rsb_a2"}
WITH_RECIPES = {"plan": plan, "sweep": sweep, "train": train, "tune": tune}
# Its own checks of what the parser took; those of train and plan are the recipe's.
CHECKS = {"benchmark": benchmark.check, "predict": predict.check, "selfcheck": selfcheck.check}


def commands_of(page):
    """The command lines of a page that run a module of ours, each once, as arguments."""
    text = page.read_text()
    blocks = [block.replace("\\\n", " ") for kind, block in FENCED.findall(text) if not kind]
    rest = FENCED.sub("", text)
    lines = [line for block in blocks for line in block.splitlines()]
    lines += [*INDENTED.findall(rest), *INLINE.findall(rest)]
    found = (OURS.search(line) for line in lines)
    return dict.fromkeys(" ".join((match[1] or match[2]).split()) for match in found if match)


COMMANDS = [(page.name, line) for page in PAGES for line in commands_of(page)]


def options_of(line):
    module, *args = shlex.split(line, comments=True)
    args = [PLACEHOLDERS.get(arg, arg) for arg in args]
    if not args:  # It is spoken of.
        assert find_spec(f"jaxcnn.{module}.__main__")
        return None
    if module in WITH_RECIPES:
        return WITH_RECIPES[module].parse(args)
    program = importlib.import_module(f"jaxcnn.{module}.command")
    options = cli.parse(program.Options, args, program=module, description=None)
    load_plugins(getattr(options, "plugin", ()))
    CHECKS.get(module, lambda options: None)(options)
    return options


@pytest.mark.usefixtures("own_names")
@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=[f"{p}: {c}" for p, c in COMMANDS])
def test_a_program_takes_its_command(page, line, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(benchmark, "computes_on_cpu", lambda: False)
    # What weights ask for is not waited for.
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    if "--plugin=mine.py" in line:
        text = (ROOT / "docs" / page).read_text()
        (block,) = (block for _, block in FENCED.findall(text) if "register_dataset(" in block)
        (tmp_path / "mine.py").write_text(block)
        monkeypatch.chdir(tmp_path)
    if line == "train --help":
        with pytest.raises(SystemExit) as end:
            options_of(line)
        assert end.value.code == 0 and "--arch" in capsys.readouterr().out
        return
    recipe = getattr(options_of(line), "recipe", None)
    if isinstance(recipe, Recipe):
        check(recipe)


def test_the_pages_speak_of_every_program():
    named = {line.split()[0] for _, line in COMMANDS}
    assert named >= {program.removeprefix("python -m jaxcnn.") for program in programs()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_else_of_the_repository_is_run_is_there(page):
    """The measuring scripts, experiments, and what writes tables and goldens."""
    text = page.read_text()
    modules = re.findall(r"python\s-m\s((?:tests|benchmarks|experiments)\.[\w.]+)", text)
    for module in modules:
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), module
    for script in re.findall(r"python ([\w/]+\.py)", text):
        assert (ROOT / script).is_file(), script


def recipe_under(page, heading):
    """The recipe of the one command that trains in a section, and the section's text."""
    text = (ROOT / "docs" / page).read_text()
    section = re.split(r"^## ", text.partition(f"## {heading}\n")[2], flags=re.MULTILINE)[0]
    (line,) = re.findall(r"python -m jaxcnn\.(train .*)", section)
    return options_of(line).recipe, " ".join(textwrap.dedent(section).split())


def test_what_the_tpu_page_says_of_its_recipe_is_what_its_command_trains_with():
    recipe, text = recipe_under("tpu.md", "5. Train")
    assert "a rate of 0.1 for each 256 images" in text
    assert recipe.optim.lr == pytest.approx(0.1 * recipe.batch_size / 256)
    assert "after five epochs of warmup" in text and recipe.schedule.warmup_epochs == 5
    assert "Cosine decay" in text and recipe.schedule.name == "cosine"
    assert "label smoothing of 0.1" in text and recipe.augment.label_smoothing == 0.1
    # What "the recipe of" Goyal et al. is beside that.
    assert (recipe.optim.name, recipe.epochs, recipe.optim.weight_decay) == ("sgd", 90, 1e-4)
    assert recipe.schedule.warmup_lr == 0.1 and recipe.optim.ema_decay is None


@pytest.mark.parametrize("heading", ["Kubernetes", "GPUs with Slurm"])
def test_larger_batches_than_the_recipes_have_its_rate_for_them(heading):
    recipe, _ = recipe_under("tpu.md", heading)
    assert recipe.recipe == "resnet50_90"
    assert recipe.optim.lr == pytest.approx(0.1 * recipe.batch_size / 256)
