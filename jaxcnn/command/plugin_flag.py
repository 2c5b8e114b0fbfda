"""--plugin, for every command that takes the name of a model, of a data set, or a run."""

from collections.abc import Iterable
from typing import Annotated

import tyro

from jaxcnn.plugins import load_plugin

Plugins = Annotated[
    tuple[str, ...],
    tyro.conf.UseAppendAction,
    tyro.conf.arg(
        metavar="FILE.py|MODULE",
        help="Run this code first, which registers models, data sets or augmentations of your own.",
    ),
]


def load_plugins(sources: Iterable[str]) -> None:
    """Raises UserError for one that cannot be loaded."""
    for source in sources:
        load_plugin(source)
