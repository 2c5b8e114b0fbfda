"""What a program gives a run in the place of what its recipe names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from inspect import Parameter, isclass, isfunction, signature
from typing import Any

from jaxcnn.data import DatasetSpec, dataset_at, dataset_spec, list_datasets
from jaxcnn.data.augment.own import OwnTransform, own_transform
from jaxcnn.data.own import as_dataset
from jaxcnn.data.preprocessing import Preprocessing
from jaxcnn.errors import UserError
from jaxcnn.models import model_spec
from jaxcnn.models.own import spec_of_module
from jaxcnn.models.spec import ModelSpec
from jaxcnn.recipe import Augment, Model, Recipe, compute_dtype, data_place
from jaxcnn.task.of_data import training_task_of
from jaxcnn.task.task import Task

OwnTask = Task | Callable[[Task], Task]


@dataclass(frozen=True)
class Given:
    """Each None, or empty, where it is as the recipe says.

    Attributes:
        model: the network, as a row.
        data: the data set.
        task: what is learned, or what makes that of the recipe's task.
        transforms: of training images, after all that the recipe has.
        things: what the program gave, by what it is called in `fit`: how it is known again.
    """

    model: ModelSpec | None = None
    data: DatasetSpec | None = None
    task: OwnTask | None = None
    transforms: tuple[OwnTransform, ...] = ()
    things: tuple[tuple[str, Any], ...] = ()

    def model_of(self, recipe: Recipe) -> ModelSpec:
        """The row of the run's network."""
        return self.model or model_spec(recipe.arch)

    def data_of(self, recipe: Recipe) -> DatasetSpec:
        """The row of the run's data set, with what only its folder tells."""
        if self.data is None:
            return dataset_at(recipe.dataset, data_place(recipe))
        return self.data if self.data.examine is None else self.data.examine(data_place(recipe))

    def task_of(self, recipes: Task) -> Task:
        """What is learned, where the recipe makes the task `recipes`."""
        if self.task is None:
            return recipes
        return self.task if _is_task(self.task) else self.task(recipes)  # pyright: ignore


NOTHING = Given()


def given_to(
    recipe: Recipe,
    *,
    model: Any = None,
    data: Any = None,
    task: Any = None,
    transforms: Sequence[Any] = (),
    tell: Callable[[str], None] = lambda line: None,
) -> tuple[Recipe, Given]:
    """The recipe of a run that is given these, and they themselves; arguments are `fit`'s.

    It is called by the module's class and the data set's name: which of jaxcnn's the recipe named
    counts for nothing then, nor do the fields of that architecture.

    Raises UserError for what cannot work, or does not fit together.
    """
    row = None if data is None else as_dataset(data, tell=tell)
    if row is not None:
        recipe = replace(recipe, dataset=row.name)
        if row.name in list_datasets() and dataset_spec(row.name) is row:
            row = data = None  # It has that name for everyone.
    things = {"model": model, "data": data, "task": task}
    _check_task(task)
    if callable(transforms):
        raise UserError("transforms is one augmentation; give a list of them")
    own = tuple(own_transform(each, f"transforms[{i}]") for i, each in enumerate(transforms))
    things |= {f"transforms[{i}]": each for i, each in enumerate(transforms)}
    given = Given(None, row, task, own, tuple((n, t) for n, t in things.items() if t is not None))
    if task is not None:
        _refuse_what_counts_for_nothing(recipe, task)
    if model is None and task is None:
        return recipe, given
    of_data = given.data_of(recipe)
    if model is not None:
        recipe = replace(recipe, arch=type(model).__name__, model=Model())
        network = spec_of_module(
            model,
            image_size=recipe.image_size,
            channels=of_data.channels,
            dtype=compute_dtype(recipe),
        )
        given = replace(given, model=network)
    outputs = task_like(recipe, given, of_data).num_outputs
    if given.model is not None and given.model.num_classes != outputs:
        wants = f"the task wants {outputs}" if _is_task(task) else f"{of_data.name} has {outputs}"
        raise UserError(
            f"{recipe.arch} tells {given.model.num_classes} classes apart, and {wants}; make it "
            f"for {outputs}"
        )
    return recipe, given


def task_like(recipe: Recipe, given: Given, data: DatasetSpec) -> Task:
    """The run's task but for how images are normalised and classes weighed."""
    task: Any = given.task_of(training_task_of(recipe, data, Preprocessing(data.mean, data.std)))
    if not _is_task(task) or isinstance(task, type):
        what = type(task).__name__
        raise UserError(f"task gives a {what}; it has to give a Task (jaxcnn.task.task)")
    return task


def _is_task(value: Any) -> bool:
    return hasattr(value, "num_outputs") and hasattr(value, "train_loss")


def _check_task(task: Any) -> None:
    if task is not None and (isclass(task) or not (_is_task(task) or callable(task))):
        raise UserError(
            f"task is {task!r}; give a Task, or a function that makes one of the recipe's: "
            "lambda task: replace(task, train_loss=...)"
        )
    if isfunction(task) and len(needed := _needed(task)) != 1:
        raise UserError(
            f"task is a function of {', '.join(needed) or 'nothing'}; of a loss give "
            "lambda task: replace(task, train_loss=...)"
        )


def _needed(function: Callable[..., Any]) -> list[str]:
    """The arguments that a function cannot do without."""
    variable = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    return [
        name
        for name, each in signature(function).parameters.items()
        if each.default is Parameter.empty and each.kind not in variable
    ]


def _refuse_what_counts_for_nothing(recipe: Recipe, task: Any) -> None:
    """Raises UserError for what of a recipe a task of one's own leaves out."""
    augment, none = recipe.augment, Augment()
    of_loss = {
        "loss": (recipe.loss, "cross_entropy"),
        "class_weights": (recipe.class_weights, "none"),
        "distill": (recipe.distill, None),
        "augment.label_smoothing": (augment.label_smoothing, none.label_smoothing),
        "augment.mixup": (augment.mixup, none.mixup),
        "augment.cutmix": (augment.cutmix, none.cutmix),
    }
    counted = {name: value for name, (value, default) in of_loss.items() if value != default}
    if counted and _is_task(task):
        said = ", ".join(f"{name}={value!r}" for name, value in counted.items())
        raise UserError(
            f"the recipe has {said}, which a Task of your own does not see; leave that out, or "
            "give a function that changes the recipe's: lambda task: replace(task, train_loss=...)"
        )
