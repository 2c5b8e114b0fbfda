"""The flags of commands that make a recipe: each recipe's, and those of its architecture alone."""

from collections.abc import Callable, Sequence
from dataclasses import field, fields, make_dataclass, replace
from typing import Annotated, Any, ClassVar, Literal, Protocol, TypeVar, get_args, get_origin

import tyro
from tyro.constructors import PrimitiveConstructorSpec

from jaxcnn.command import cli
from jaxcnn.command.plugin_flag import load_plugins
from jaxcnn.errors import UserError
from jaxcnn.files.typed_json import words_of
from jaxcnn.files.typed_text import from_text, text_of
from jaxcnn.models.fields import ModelField
from jaxcnn.recipe import Model, Recipe, with_model
from jaxcnn.recipe.flags import default_recipe, values_of
from jaxcnn.recipe.model import field_value, own_fields, refusal, shared_fields

# Of the attributes that hold an architecture's own fields: one may be called as one of `Model`.
OWN = "own_field_"


class WithRecipe(Protocol):
    """A command's options."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def __init__(self, recipe: Recipe) -> None: ...

    @property
    def recipe(self) -> Recipe: ...


Options = TypeVar("Options", bound=WithRecipe)


def parse(
    config: type[Options],
    args: Sequence[str],
    *,
    program: str,
    description: Callable[[Recipe], str | None],
    recipe: Recipe | None = None,
) -> Options:
    """The flags of a command whose options have a recipe; defaults are those of `recipe`, or of the
    recipe for --arch and --dataset. Plug-ins are loaded first: --arch may name what they bring.

    Raises UserError for a wrong flag or value.
    """
    load_plugins(values_of("--plugin", args))
    default = recipe or default_recipe(
        args, lambda recipe: cli.unknown_flags(config(_with_flags(recipe)), args)
    )
    _refuse_unknown_fields(args, default.arch)
    options = cli.parse(
        config,
        args,
        program=program,
        description=description(default),
        default=config(_with_flags(default)),
    )
    return replace(options, recipe=_without_flags(options.recipe))


def _refuse_unknown_fields(args: Sequence[str], arch: str) -> None:
    """Raises UserError for a --model.FIELD that the architecture has not."""
    known = {*own_fields(arch), *shared_fields(arch)}
    for arg in args:
        flag = arg.partition("=")[0]
        if flag.startswith("--model."):
            name = flag.removeprefix("--model.").replace("-", "_")
            if name not in known and name.removeprefix("no_") not in known:
                raise UserError(f"{flag}: {refusal(arch, name)} (--help lists the flags)")


def _with_flags(recipe: Recipe) -> Recipe:
    """The recipe with a model whose class has a field for each flag of its architecture."""
    own, shared = own_fields(recipe.arch), shared_fields(recipe.arch)
    hidden = [entry for entry in fields(Model) if entry.name not in shared]
    cls = make_dataclass(
        "Model",
        [
            *((entry.name, tyro.conf.Suppress[Any], entry) for entry in hidden),
            *(
                (f"{OWN}{name}", _flag(recipe.arch, name, of), field(default=None))
                for name, of in own.items()
            ),
        ],
        bases=(Model,),
        frozen=True,
    )
    given = {entry.name: getattr(recipe.model, entry.name) for entry in fields(Model)}
    values = {f"{OWN}{name}": field_value(recipe, name) for name in own}
    return replace(recipe, model=cls(**given, **values))


def _without_flags(recipe: Recipe) -> Recipe:
    """The same of `Model` itself."""
    model: Any = recipe.model
    shared = {entry.name: getattr(model, entry.name) for entry in fields(Model)}
    own = {name: getattr(model, f"{OWN}{name}") for name in own_fields(recipe.arch)}
    return with_model(replace(recipe, model=Model(**shared)), **own)


def _flag(arch: str, name: str, of: ModelField) -> Any:
    """The type of a field as tyro takes it: one word, read as `from_text` does."""
    flag = name.replace("_", "-")
    spec = PrimitiveConstructorSpec(
        nargs=1,
        metavar=_metavar(of.kind),
        instance_from_str=lambda words: from_text(of.kind, words[0], "it"),
        is_instance=lambda value: True,
        str_from_instance=lambda value: [text_of(value)],
    )
    help = f"Of {arch} itself: {words_of(of.kind)}."
    return Annotated[Any, spec, tyro.conf.arg(name=flag, help=help)]


def _metavar(kind: Any) -> str:
    origin, inner = get_origin(kind), get_args(kind)
    if kind is bool:
        return "{true,false}"
    if origin is Literal:
        return "{" + ",".join(map(text_of, inner)) + "}"
    if origin is tuple:
        items = ["..." if each is Ellipsis else _metavar(each) for each in inner]
        return ",".join(items)
    if inner:
        return "|".join(map(_metavar, inner))
    return "none" if kind is type(None) else kind.__name__.upper()
