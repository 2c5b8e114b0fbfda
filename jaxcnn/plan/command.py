"""What a training will need, before it is run: memory, steps, learning rates; on TPUs also time.

python -m jaxcnn.plan --arch=resnet20 --dataset=cifar10 --batch-size=256
python -m jaxcnn.plan --arch=resnet50 --dataset=image_folder --num-classes=1000 \\
    --num-train=1281167 --batch-size=1024 --topology=v5e:4x4

Takes the flags of jaxcnn.train that make the recipe. With --topology it compiles the training step
for TPUs that need not be here, and ends with status 1 and the largest batch that fits where the
step does not fit their memory.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import tyro

from jaxcnn.command import cli, recipe_flags
from jaxcnn.command.plugin_flag import Plugins
from jaxcnn.errors import RunError, UserError
from jaxcnn.recipe import Recipe, check, note_of_default
from jaxcnn.text.lines import say

if TYPE_CHECKING:
    from jaxcnn.engine.program import Program
    from jaxcnn.plan.estimate import Examples, Memory
    from jaxcnn.plan.step_cost import StepCost

PROGRAM = "python -m jaxcnn.plan"
CURVE_ROWS = 11
BAR_WIDTH = 40


@dataclass(frozen=True)
class Options:
    recipe: Annotated[Recipe, tyro.conf.arg(name="")]
    plugin: Plugins = ()
    topology: str | None = None
    """TPUs to compile for, v5e:4x4 (also v4, v5p, v6e); needs libtpu, but no TPU."""
    num_train: int | None = None
    """Training images, where the data set is not there to be counted."""
    num_classes: int | None = None
    """Classes, where the data set is not there to be asked."""


def main(args: Sequence[str] | None = None) -> int:
    args = sys.argv[1:] if args is None else args

    def plan() -> int:
        options = parse(args)
        cli.set_up(compilation_cache=False, cross_compiles=options.topology is not None)
        for line in report(options):
            say(line, sys.stdout)
        return cli.DONE

    return cli.run(PROGRAM, plan)


def parse(args: Sequence[str]) -> Options:
    """The flags; defaults are those of the recipe for --arch and --dataset."""
    options = recipe_flags.parse(Options, args, program=PROGRAM, description=lambda recipe: __doc__)
    check(options.recipe)
    if options.recipe.distill is not None:
        raise UserError("a plan does not count a teacher's work and memory; leave --distill out")
    for flag, value in (
        ("num-train", options.num_train),
        ("num-classes", options.num_classes),
    ):
        if value is not None and value < 1:
            raise UserError(f"--{flag}={value} is out of range; it must be above 0")
    return options


def report(options: Options) -> Iterator[str]:
    """The plan's lines, as they become known. Raises RunError where the step does not fit."""
    # After the flags are known to be right: these imports take seconds.
    import jax

    from jaxcnn.data.loader.pipeline import steps_per_epoch
    from jaxcnn.engine.gmacs import gmacs as gmacs_of
    from jaxcnn.engine.program import build
    from jaxcnn.plan import estimate
    from jaxcnn.plan.step_cost import topology_devices
    from jaxcnn.run.pretrained import of_its_weights

    devices = None
    if options.topology is not None:
        # The machine's own devices are not wanted: a TPU's would be claimed for this process.
        jax.config.update("jax_platforms", "cpu")
        devices = topology_devices(options.topology)
    recipe = of_its_weights(options.recipe, say)
    if note := note_of_default(recipe):
        say(note)
    data = estimate.examples(recipe, num_classes=options.num_classes, num_train=options.num_train)
    per_epoch = steps_per_epoch(data.num_train, recipe.batch_size)
    total_steps = recipe.steps or recipe.epochs * per_epoch

    def program_for(batch_size: int) -> "Program":
        return build(
            replace(recipe, batch_size=batch_size),
            data.spec,
            steps_per_epoch=per_epoch,
            total_steps=total_steps,
            devices=devices,
        )

    program = program_for(recipe.batch_size)
    gmacs = gmacs_of(program)
    memory = estimate.memory_per_device(recipe, data.spec, program)
    yield from size_lines(recipe, data, program, gmacs)
    yield from step_lines(recipe, data, program, per_epoch, total_steps)
    yield from memory_lines(memory)
    yield from curve_lines(program, per_epoch, total_steps)
    if options.topology is not None:
        yield from topology_lines(options.topology, recipe, data, program_for, gmacs, total_steps)


def size_lines(recipe: Recipe, data: "Examples", program: "Program", gmacs: float) -> Iterator[str]:
    yield f"{recipe.arch} on {recipe.dataset}, {data.spec.num_classes:,} classes"
    yield f"  parameters            {program.num_params:,}"
    yield (
        f"  GMACs an image        {gmacs:.4g} at {recipe.image_size}x{recipe.image_size}, forward"
    )


def step_lines(
    recipe: Recipe, data: "Examples", program: "Program", per_epoch: int, total_steps: int
) -> Iterator[str]:
    mesh, parts = program.rows.mesh, recipe.optim.accumulate_steps
    each = recipe.batch_size // mesh.size // parts
    yield "steps"
    yield f"  training images       {data.num_train:,}"
    yield (
        f"  batch                 {recipe.batch_size:,} = {mesh.size} device(s) x {parts} part(s) "
        f"x {each:,}; {mesh.shape['fsdp']} device(s) share a copy of the state"
    )
    yield (
        f"  steps an epoch        {per_epoch:,}, {data.num_train % recipe.batch_size:,} images "
        "left over"
    )
    yield f"  steps                 {total_steps:,} = {total_steps / per_epoch:.4g} epochs"


def memory_lines(memory: "Memory") -> Iterator[str]:
    yield "memory on each device, estimated from shapes"
    for name, size in vars(memory).items():
        yield f"  {name.replace('_', ' '):<21} {in_words(size)}"
    yield f"  {'total':<21} {in_words(memory.total)}"


def curve_lines(program: "Program", per_epoch: int, total_steps: int) -> Iterator[str]:
    import numpy as np

    last = total_steps - 1
    steps = sorted({round(last * row / (CURVE_ROWS - 1)) for row in range(CURVE_ROWS)})
    rates = [float(np.asarray(program.schedule(step))) for step in steps]
    yield "learning rate (epoch, step, rate)"
    for step, rate in zip(steps, rates, strict=True):
        bar = "#" * round(BAR_WIDTH * rate / max(rates))
        yield f"  {step / per_epoch:>8.2f} {step:>9,} {rate:>10.3g} {bar}".rstrip()


def topology_lines(
    topology: str, recipe: Recipe, data: "Examples", program_for, gmacs: float, total_steps: int
) -> Iterator[str]:
    """Compiles. Raises RunError, naming the largest batch, where the step does not fit."""
    from jaxcnn.plan import estimate
    from jaxcnn.plan.largest_batch import DoesNotFit, largest_batch
    from jaxcnn.plan.step_cost import step_cost

    shape = estimate.image_shape(recipe, data.spec)

    def compile_for(batch_size: int) -> "StepCost":
        # A large model's takes minutes.
        print(f"  compiling             for a batch of {batch_size:,}", flush=True)
        return step_cost(program_for(batch_size), batch_size, shape)

    yield f"the training step, compiled for {topology}"
    program = program_for(recipe.batch_size)
    try:
        cost = compile_for(recipe.batch_size)
    except DoesNotFit as problem:
        memory = estimate.memory_per_device(recipe, data.spec, program)
        best = largest_batch(
            recipe.batch_size,
            problem,
            compile_for,
            unit=program.rows.mesh.size * recipe.optim.accumulate_steps,
            fixed_bytes=memory.total - memory.activations - memory.gradients,
        )
        way_out = (
            "--mesh.fsdp or --optim.accumulate-steps may help; no smaller batch fits"
            if best is None
            else f"--batch-size={best} does"
        )
        raise RunError(
            f"--batch-size={recipe.batch_size} does not fit {topology}: it takes "
            f"{in_words(problem.used)} of {in_words(problem.available)} a chip; {way_out}"
        ) from problem
    yield from cost_lines(topology, recipe, cost, program.rows.mesh.size, gmacs, total_steps)


def cost_lines(
    topology: str, recipe: Recipe, cost: "StepCost", num_chips: int, gmacs: float, total_steps: int
) -> Iterator[str]:
    from jaxcnn.plan.chips import chip_of, least_seconds

    chip = chip_of(topology)
    # Forward, and for the backward pass twice as much. The compiler counts a loop's body once.
    by_macs = 6e9 * gmacs * recipe.batch_size / num_chips
    flops = max(cost.flops, by_macs)
    seconds, bound = least_seconds(chip, flops, cost.hbm_bytes)
    yield f"  memory of a chip      {in_words(cost.used_bytes)} of {in_words(chip.hbm_bytes)}"
    yield f"    state and batch     {in_words(cost.state_bytes)}"
    yield f"    temporary           {in_words(cost.temporary_bytes)}"
    yield f"    program             {in_words(cost.code_bytes)}"
    yield f"  a chip's step         {cost.flops / 1e12:.4g} TFLOP ({by_macs / 1e12:.4g} by GMACs)"
    yield f"  memory traffic        {in_words(cost.hbm_bytes)}"
    for kind, found in cost.collectives.items():
        yield f"  {kind:<21} {found.count} x, {in_words(found.num_bytes)} together"
    if not cost.collectives:
        yield "  collectives           none"
    yield (
        f"  roofline              {1000 * seconds:.3g} ms a step at least, bound by {bound} "
        f"({chip.flops_per_second / 1e12:.0f} TFLOP/s, {chip.hbm_bytes_per_second / 1e9:.0f} GB/s: "
        f"{chip.source})"
    )
    yield f"  images a second       {recipe.batch_size / seconds:,.0f} at most"
    yield f"  hours for all steps   {total_steps * seconds / 3600:.3g} at least"


def in_words(num_bytes: float) -> str:
    """12.3 MB: powers of ten, as a chip's memory is sold."""
    for unit in ("B", "kB", "MB", "GB"):
        if num_bytes < 1000 or unit == "GB":
            break
        num_bytes /= 1000
    return f"{num_bytes:.4g} {unit}"
