"""A progress bar in a notebook's output."""

from threading import Event, Thread
from typing import Any

from rich.progress import Progress

SECONDS_BETWEEN_PICTURES = 0.5


class NotebookBar:
    """Shows `progress` under the cell that runs, where its last picture stays.

    One output of the cell, drawn anew in its place. Rich's own live display would need ipywidgets,
    which not every notebook has and no saved one shows.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._stopped = Event()
        self._output: Any = None
        self._drawing = Thread(target=self._draw, daemon=True)

    def start(self) -> None:
        # Only in a notebook is it sure to be there.
        from IPython.display import display  # pyright: ignore[reportMissingImports]

        self._output = display(self._progress, display_id=True)
        self._drawing.start()

    def stop(self) -> None:
        self._stopped.set()
        self._drawing.join()
        self._output.update(self._progress)

    def _draw(self) -> None:
        while not self._stopped.wait(SECONDS_BETWEEN_PICTURES):
            self._output.update(self._progress)
