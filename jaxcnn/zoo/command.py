"""The models there are, or one of them layer by layer.

python -m jaxcnn.zoo 'resnet*'
python -m jaxcnn.zoo --arch=resnet50
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import tyro

from jaxcnn.command import cli
from jaxcnn.command.plugin_flag import Plugins, load_plugins
from jaxcnn.errors import UserError
from jaxcnn.models import create_model, list_models, model_place, model_spec
from jaxcnn.text.lines import cell

PROGRAM = "python -m jaxcnn.zoo"


@dataclass(frozen=True)
class Options:
    pattern: Annotated[str, tyro.conf.Positional] = "*"
    """Shell pattern of the names to list."""
    plugin: Plugins = ()
    arch: str | None = None
    """Show the layers of this model instead."""
    image_size: int | None = None
    """Height and width in pixels for --arch; the model's own if not given."""


def main(args: Sequence[str] | None = None) -> int:
    args = sys.argv[1:] if args is None else args

    def show() -> int:
        options = cli.parse(Options, args, program=PROGRAM, description=__doc__)
        load_plugins(options.plugin)
        cli.check_image_size(options.image_size)
        if options.arch is not None:
            show_layers(options.arch, options.image_size)
        else:
            show_models(options.pattern)
        return cli.DONE

    return cli.run(PROGRAM, show)


def show_models(pattern: str) -> None:
    from rich.table import Table

    from jaxcnn.models.tools.size_and_work import gmacs_of, num_params_of

    names = list_models(pattern)
    if not names:
        raise UserError(f"no model is called {pattern!r}; {PROGRAM} lists them all")
    table = Table("name", *map(_right, ("parameters", "GMACs", "image size")), "paper")
    for name in names:
        spec = model_spec(name)
        size = f"{spec.image_size}x{spec.image_size}"
        origin = spec.paper if (place := model_place(name)) is None else cell(place.source)
        table.add_row(name, f"{num_params_of(name):,}", f"{gmacs_of(name):.3g}", size, origin)
    cli.console().print(table)


def show_layers(name: str, image_size: int | None) -> None:
    from rich.table import Table

    from jaxcnn.models.tools.layer_table import layer_table

    spec = model_spec(name)
    size = image_size or spec.image_size
    model = create_model(name, num_classes=spec.num_classes)
    whole = layer_table(model, (size, size), spec.channels)
    table = Table("layer", "kind", *map(_right, ("output", "parameters", "GMACs")))
    for layer in whole.layers:
        shape = "x".join(map(str, layer.shape[1:]))
        macs = f"{layer.macs / 1e9:.4f}" if layer.macs else ""
        table.add_row(layer.name, layer.kind, shape, f"{layer.num_params:,}", macs)
    products = whole.macs - sum(layer.macs for layer in whole.layers)
    if products:
        table.add_row("products of activations", "", "", "", f"{products / 1e9:.4f}")
    table.add_section()
    table.add_row(name, "", "", f"{whole.num_params:,}", f"{whole.macs / 1e9:.4f}")
    cli.console().print(table)


def _right(header: str):
    from rich.table import Column

    return Column(header, justify="right")
