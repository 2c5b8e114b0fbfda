"""The teacher that a run learns from: a run's folder, or published weights."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict

from jaxcnn.data import DatasetSpec
from jaxcnn.engine.model_input import ModelInput, input_of_weights
from jaxcnn.engine.teacher import Teacher
from jaxcnn.errors import UserError
from jaxcnn.files.paths import expanded
from jaxcnn.models import create_model
from jaxcnn.models.spec import Variables
from jaxcnn.recipe import Recipe, compute_dtype
from jaxcnn.run.folder import RunFolder
from jaxcnn.run.pretrained import Pretrained, check_head, learned_from, read_pretrained
from jaxcnn.text.phrases import first_few
from jaxcnn.weights.origin import Origin
from jaxcnn.weights.sources import stated_architecture

# What `Origin.sha256` has of a teacher: a digest of its arrays, whatever file they are in.
ARRAYS = "its arrays"


@dataclass(frozen=True)
class ReadTeacher:
    """A teacher, what it was read from, and what the user should know of it, a line each."""

    teacher: Teacher
    origin: Origin
    notes: tuple[str, ...]


def read_teacher(recipe: Recipe, data: DatasetSpec, student: ModelInput) -> ReadTeacher | None:
    """The teacher of a recipe; None of one without.

    A run's is the best checkpoint by validation; its classes come to those of `data` by their
    names, where both are known. Images are brought to it from the student's in the step.

    Raises UserError where the teacher cannot be read, does not tell the student's classes apart, or
    takes images that the student's cannot be made.
    """
    source = recipe.distill
    if source is None:
        return None
    notes: list[str] = []
    is_run = (Path(expanded(source)) / "recipe.json").is_file()
    arch = recipe.distill_arch
    if arch is None:
        arch = RunFolder(source).read_recipe().arch if is_run else stated_architecture(source)
    if arch is None and not source.startswith("hf:") and not Path(expanded(source)).exists():
        raise UserError(f"--distill={source}: there is no such file, and no such run's folder")
    if arch is None:
        raise UserError(
            f"--distill={source} does not say which architecture its weights are of; give "
            "--distill-arch=NAME too"
        )
    read = read_pretrained(arch, source)
    check_head(read)
    names: tuple[str, ...] = ()
    if is_run:
        folder = RunFolder(source)
        row, model_input = learned_from(folder, folder.read_recipe(), notes.append)
        names = row.class_names
    else:
        model_input = input_of_weights(read.arch, read.preprocessing, data)
    _check_images(source, model_input, student, recipe)
    columns = _columns(source, read, names, data)
    sizes = recipe.image_size, model_input.image_size
    notes += read.notes
    if sizes[0] != sizes[1]:
        notes.append(
            f"the teacher sees images enlarged from {sizes[0]} to {sizes[1]} pixels"
            if sizes[0] < sizes[1]
            else f"the teacher sees images made smaller, from {sizes[0]} to {sizes[1]} pixels"
        )
    model = create_model(
        read.arch,
        num_classes=read.num_classes,
        dtype=jnp.dtype(compute_dtype(recipe)),
        **read.overrides,
    )
    teacher = Teacher(
        model,
        read.variables,
        model_input.image_size,
        model_input.channels,
        model_input.mean,
        model_input.std,
        columns,
    )
    origin = replace(read.origin, sha256={ARRAYS: digest_of(read.variables)})
    return ReadTeacher(teacher, origin, tuple(notes))


def refuse_other_teacher(folder: RunFolder, origin: Origin | None) -> None:
    """Raises UserError if the run in the folder learned from another teacher than that one."""
    before = folder.read_data()
    if before is None or before.teacher is None or origin is None:
        return
    was, now = before.teacher.sha256.get(ARRAYS), origin.sha256.get(ARRAYS)
    if was != now:
        raise UserError(
            f"the teacher at {origin.source} is not the one that the run in {folder.path} learns "
            f"from: the SHA-256 of its arrays is {str(now)[:12]}, not {str(was)[:12]}; put that "
            "back, or give another --workdir"
        )


def digest_of(variables: Variables) -> str:
    """SHA-256 of all arrays, with their names and shapes."""
    digest = hashlib.sha256()
    leaves: dict[Any, Any] = flatten_dict(variables)
    for path in sorted(leaves):
        array = np.ascontiguousarray(leaves[path])
        digest.update(f"{'/'.join(path)} {array.dtype} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _check_images(source: str, teacher: ModelInput, student: ModelInput, recipe: Recipe) -> None:
    """Raises UserError for a teacher to which the student's images cannot be brought."""
    if teacher.channels != student.channels and student.channels != 1:
        raise UserError(
            f"the teacher at {source} takes images of {teacher.channels} channel(s), and these "
            f"have {student.channels}; give a teacher of such images"
        )
    ours = recipe.image_size, recipe.resize
    theirs = teacher.image_size, teacher.resize
    if "pad" in (ours[1], theirs[1]) and ours != theirs:
        raise UserError(
            f"the teacher at {source} takes images of {theirs[0]} pixels (--resize={theirs[1]}), "
            f"and padded ones are not stretched: these are of {ours[0]} (--resize={ours[1]}); give "
            f"--image-size={theirs[0]} --resize={theirs[1]}"
        )


def _columns(
    source: str, read: Pretrained, names: tuple[str, ...], data: DatasetSpec
) -> tuple[int, ...] | None:
    """Which outputs of the teacher are the classes of `data`; None for all, in their order.

    Raises UserError where that is not told, or some are missing.
    """
    if data.multi_label:
        raise UserError(f"--distill takes one class an image; {data.name} has several")
    if names and data.class_names:
        place = {name: i for i, name in enumerate(names)}
        if missing := [name for name in data.class_names if name not in place]:
            raise UserError(
                f"the teacher at {source} does not know {len(missing)} of the classes of "
                f"{data.name}: {first_few(missing)}; give one that does"
            )
        columns = tuple(place[name] for name in data.class_names)
        return None if columns == tuple(range(read.num_classes)) else columns
    if read.num_classes != data.num_classes:
        raise UserError(
            f"the teacher at {source} tells {read.num_classes} classes apart, {data.name} has "
            f"{data.num_classes}; give a teacher of the same classes"
        )
    return None


def tell_of_teacher(found: ReadTeacher, say: Callable[[str], object]) -> None:
    say(f"learning from {found.origin}")
    for note in found.notes:
        say(note)
