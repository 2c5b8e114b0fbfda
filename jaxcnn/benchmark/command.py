"""How many images per second a model trains on or infers, here, in timm and in plain Flax.

python -m jaxcnn.benchmark --arch=resnet50 --mode=infer
python -m jaxcnn.benchmark --arch=resnet50 --against=timm --python=TORCH_VENV/bin/python
python -m jaxcnn.benchmark --arch=resnet50 --precision=bfloat16 --batch-size=256 --against=flax
python -m jaxcnn.benchmark --arch=lenet5 --mode=input --dataset=mnist --data-dir=DIR
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from jaxcnn.benchmark.workload import Mode, Precision, Workload, workload_of
from jaxcnn.command import cli
from jaxcnn.command.plugin_flag import Plugins, load_plugins
from jaxcnn.errors import RunError, UserError
from jaxcnn.files.paths import expanded
from jaxcnn.models import model_spec
from jaxcnn.xla.flags import computes_on_cpu

PROGRAM = "python -m jaxcnn.benchmark"
# What --all times: at 224 pixels in batches of 16, at 32 in batches of 128 (training only).
PHOTOGRAPHS = (
    "resnet50",
    "efficientnet_b0",
    "convnext_tiny",
    "densenet121",
    "vit_small_patch16_224",
    "seresnet50",
    "vgg16",
    "swin_tiny_patch4_window7_224",
)
THUMBNAILS = ("resnet20", "densenet_bc_100_k12")


@dataclass(frozen=True)
class Options:
    plugin: Plugins = ()
    arch: str | None = None
    """Architecture: one of jaxcnn.list_models()."""
    mode: Mode = "train"
    """A training step, the logits, or the input pipeline alone."""
    all: bool = False
    """The table of docs/speed.md instead of one model."""
    batch_size: int | Literal["auto"] | None = None
    """Images per step; 128 if not given, on a CPU 16 for images of more than 32 pixels. auto: the
    largest power of two that the accelerator's memory takes."""
    image_size: int | None = None
    """Height and width in pixels; the model's own if not given."""
    precision: Precision = "float32"
    """Compute type."""
    rounds: int = 7
    """Each side's turns, of about 1.5 seconds each."""
    against: Literal["timm", "flax"] | None = None
    """Time the same in turns in PyTorch's timm, eager or torch.compile, whichever is faster; or in
    plain Flax Linen: nn.Conv, nn.BatchNorm and so on."""
    python: str = sys.executable
    """Interpreter with torch and timm, for --against=timm."""
    dataset: str = "digits"
    """For --mode=input: the data set."""
    data_dir: str | None = None
    """For --mode=input: where it is."""
    output: str | None = None
    """File to write the figures to, as JSON."""


def main(args: Sequence[str] | None = None) -> int:
    args = sys.argv[1:] if args is None else args

    def benchmark() -> int:
        options = cli.parse(Options, args, program=PROGRAM, description=__doc__)
        load_plugins(options.plugin)
        check(options)
        say_what_is_missing()
        if options.all:
            results = [one_of_all(arch, mode, options) for arch, mode in all_workloads()]
            print(table(results))
        else:
            results = measure(options)
            print(json.dumps(results, indent=2))
        if options.output is not None:
            cli.output_file(options.output).write_text(json.dumps(results, indent=2) + "\n")
        return cli.DONE

    return cli.run(PROGRAM, benchmark)


def check(options: Options) -> None:
    if options.all == (options.arch is not None):
        raise UserError("give either --arch=NAME or --all")
    one_model_only = ("mode", "batch_size", "image_size", "dataset", "data_dir")
    given = [flag for flag in one_model_only if getattr(options, flag) != getattr(Options(), flag)]
    if options.all and given:
        raise UserError(f"--{given[0].replace('_', '-')} goes with --arch=NAME, not with --all")
    for flag in ("batch_size", "image_size", "rounds"):
        value = getattr(options, flag)
        if isinstance(value, int) and value < 1:
            raise UserError(
                f"--{flag.replace('_', '-')}={value} is out of range; it must be above 0"
            )
    if options.mode == "input" and options.against:
        raise UserError("--mode=input has nothing to be timed --against")
    if options.batch_size == "auto":
        if options.mode == "input" or options.against:
            raise UserError("--batch-size=auto goes with neither --mode=input nor --against")
        if computes_on_cpu():
            raise UserError("--batch-size=auto fills an accelerator's memory; give a number here")
    if options.output is not None:
        cli.output_file(options.output)


def say_what_is_missing() -> None:
    """One line where a CPU's speed rests on something that this XLA does not have."""
    import jaxlib.version

    from jaxcnn.xla.support import unsupported

    if computes_on_cpu() and (missing := unsupported()):
        print(
            f"{PROGRAM}: jaxlib {jaxlib.version.__version__} lacks {', '.join(missing)}: "
            "steps are slower than docs/speed.md says",
            file=sys.stderr,
        )


def measure(options: Options) -> dict[str, Any]:
    assert options.arch is not None
    if options.mode == "input":
        return measure_input(options.arch, options)
    workload = make_workload(options.arch, options)
    cli.set_up(compilation_cache=False)
    from jaxcnn.benchmark.contest import contest, faster_timm
    from jaxcnn.benchmark.largest_batch import largest_batch
    from jaxcnn.benchmark.ours import Ours
    from jaxcnn.benchmark.rival import plain_flax
    from jaxcnn.xla.device_memory import share_device_memory

    if options.against:
        share_device_memory()
    timm = partial(faster_timm, python=expanded(options.python))
    rivals = {"timm": timm, "flax": plain_flax, None: None}
    ours = largest_batch(workload) if options.batch_size == "auto" else Ours(workload)
    return contest(ours, rounds=options.rounds, find_rival=rivals[options.against])


def measure_input(arch: str, options: Options) -> dict[str, Any]:
    from jaxcnn.recipe import recipe_for

    given = {"data_dir": options.data_dir, "image_size": options.image_size}
    given["batch_size"] = options.batch_size
    recipe = recipe_for(arch, options.dataset)
    recipe = replace(recipe, **{name: value for name, value in given.items() if value is not None})
    cli.set_up(compilation_cache=False)
    from jaxcnn.benchmark.input import time_input

    return time_input(recipe, rounds=options.rounds)


def make_workload(arch: str, options: Options) -> Workload:
    image_size = options.image_size or model_spec(arch).image_size
    usual = 16 if computes_on_cpu() and image_size > 32 else 128
    return workload_of(
        arch,
        usual if options.batch_size in (None, "auto") else options.batch_size,
        mode=options.mode,
        image_size=image_size,
        precision=options.precision,
    )


def all_workloads() -> list[tuple[str, Mode]]:
    infer: list[tuple[str, Mode]] = [(arch, "infer") for arch in PHOTOGRAPHS]
    train: list[tuple[str, Mode]] = [(arch, "train") for arch in PHOTOGRAPHS + THUMBNAILS]
    return infer + train


def one_of_all(arch: str, mode: Mode, options: Options) -> dict[str, Any]:
    """One workload in a process of its own, so that its memory is its own."""
    command = [sys.executable, "-m", "jaxcnn.benchmark", f"--arch={arch}", f"--mode={mode}"]
    command += [f"--rounds={options.rounds}", f"--precision={options.precision}"]
    if options.against:
        command += [f"--against={options.against}", f"--python={expanded(options.python)}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        raise RunError(f"{arch} {mode}: {reason}")
    result = json.loads(done.stdout)
    ratio = f", {result['ratio']:.2f} of {options.against}'s" if "ratio" in result else ""
    if failed := result.get("rival", {}).get("compile_failed"):
        ratio += f", which is eager, for torch.compile failed: {failed}"
    rate = result["ours"]["images_per_second"]
    print(f"{arch} {mode}: {rate:.1f} images/s{ratio}", file=sys.stderr, flush=True)
    return result


def table(results: Sequence[dict[str, Any]]) -> str:
    """Markdown, a row per workload; the device is named above."""
    header = [
        f"{results[0]['device']}, {results[0]['precision']}",
        "",
        "| model | mode | images/s (range) | rival | ratio | compile | MFU | memory, rival's |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    return "\n".join(header + [row(result) for result in results])


def row(result: dict[str, Any]) -> str:
    ours, rival = result["ours"], result.get("rival")
    theirs = f"{rival['images_per_second']:.3g} ({rival['form']})" if rival else ""
    gigabytes = [f"{side['peak_bytes'] / 1e9:.1f} GB" for side in (ours, rival) if side]
    return (
        f"| `{result['arch']}` | {result['mode']} "
        f"| {ours['images_per_second']:.3g} ({ours['lowest']:.3g} to {ours['highest']:.3g}) "
        f"| {theirs} "
        f"| {format(result['ratio'], '.2f') if rival else ''} "
        f"| {ours['compile_seconds']:.0f} s | {ours['mfu']:.0%} "
        f"| {', '.join(gigabytes)} |"
    )
