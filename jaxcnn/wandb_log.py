"""A copy of a run's metrics at Weights & Biases, https://wandb.ai."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jaxcnn.errors import UserError
from jaxcnn.recipe import Recipe, to_json


def wandb_log(
    project: str, recipe: Recipe, workdir: str | Path
) -> Callable[[Mapping[str, Any]], None]:
    """Opens the run of this folder's name in `project`, or goes on with it; returns its logger.

    Raises UserError if the package is not installed.
    """
    try:
        import wandb  # pyright: ignore[reportMissingImports]  (an extra)
    except ImportError as error:
        raise UserError("--wandb needs a package: pip install 'jaxcnn[wandb]'") from error
    name = Path(workdir).name
    run = wandb.init(project=project, name=name, id=name, resume="allow", config=to_json(recipe))
    return lambda line: run.log(dict(line), step=line["step"])
