"""What a run writes down as it goes: a line per epoch, one every so many steps, and TensorBoard."""

from collections.abc import Mapping
from typing import Any

from tensorboardX import SummaryWriter

from jaxcnn.run.folder import RunFolder


class Logs:
    """`metrics.jsonl`, `steps.jsonl` and TensorBoard's events in a run's folder.

    `step` is the one that the run goes on from: what an earlier process logged past it is about to
    be repeated.
    """

    def __init__(self, folder: RunFolder, step: int) -> None:
        self._folder = folder
        folder.drop_metrics_after(step)
        folder.drop_steps_after(step)
        self._tensorboard = SummaryWriter(
            str(folder.tensorboard), purge_step=step + 1, write_to_disk=folder.writes
        )

    def epoch(self, line: Mapping[str, Any]) -> None:
        self._folder.append_metrics(line)
        spent = line["data_seconds"] or {}
        figures = {**line, **{f"data_seconds/{name}": spent[name] for name in spent}}
        self._draw(line["step"], figures, leave_out=("epoch", "step", "data_seconds"))
        self._tensorboard.flush()

    def step(self, line: Mapping[str, Any]) -> None:
        self._folder.append_step(line)
        figures = {f"steps/{name}": value for name, value in line.items()}
        self._draw(line["step"], figures, leave_out=("steps/step",))

    def _draw(self, step: int, figures: Mapping[str, Any], leave_out: tuple[str, ...]) -> None:
        for name, value in figures.items():
            if name not in leave_out and value is not None:
                self._tensorboard.add_scalar(name, value, step)

    def close(self) -> None:
        self._tensorboard.close()
