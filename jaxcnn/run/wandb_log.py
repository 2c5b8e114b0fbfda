"""A copy of a run's metrics at Weights & Biases, https://wandb.ai."""

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jaxcnn.errors import UserError
from jaxcnn.files import own_files
from jaxcnn.recipe import Recipe, to_json
from jaxcnn.text.phrases import reason


def wandb_log(
    project: str, recipe: Recipe, workdir: str | Path, say: Callable[[str], None]
) -> Callable[[Mapping[str, Any]], None]:
    """Opens this run in `project`, or goes on with it; returns its logger.

    The run is known there by an id of its own, in the file `wandb-id` of its folder `workdir`: two
    runs whose folders have the same name stay two. The logger is for lines of `metrics.jsonl`; of
    the first that does not get there it tells `say`, and the run goes on.

    Raises UserError if the package is not installed, or wandb does not open the run.
    """
    try:
        import wandb  # pyright: ignore[reportMissingImports]  (an extra)
    except ImportError as error:
        raise UserError("--wandb needs a package: pip install 'jaxcnn[wandb]'") from error
    folder = Path(workdir)
    kept = folder / "wandb-id"
    own = (
        own_files.read(kept).decode(errors="replace").strip()
        if kept.exists()
        else secrets.token_hex(4)
    )
    try:
        run = wandb.init(
            project=project, name=folder.name, id=own, resume="allow", config=to_json(recipe)
        )
    except Exception as error:  # Whatever wandb makes of the network, the account or the name.
        raise UserError(
            f"--wandb={project} cannot be logged to ({reason(error)}); `wandb login` once, or "
            "WANDB_MODE=offline to keep it on this machine, or leave --wandb out"
        ) from error
    is_told = False

    def log(line: Mapping[str, Any]) -> None:
        nonlocal is_told
        # Not before there is a line: until then the folder may be refused.
        if not kept.exists():
            own_files.write(kept, f"{own}\n")
        try:
            run.log(dict(line), step=line["step"])
        except Exception as error:  # Whatever the network, or wandb, makes of it.
            if not is_told:
                say(
                    f"epoch {line['epoch']} did not reach wandb ({reason(error)}), nor may later "
                    "ones; the run goes on, and metrics.jsonl has them all"
                )
            is_told = True

    return log
