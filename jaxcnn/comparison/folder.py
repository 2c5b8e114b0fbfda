"""The folder that a comparison is written into."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from jaxcnn.errors import UserError
from jaxcnn.files import own_files
from jaxcnn.files.paths import expanded


class OutputFolder:
    """A folder for `files`, with runs in `folders` of it.

    Raises UserError where it cannot be: a file of that name, a run's folder, or a link in it.
    """

    def __init__(self, output: str, files: Sequence[str], folders: Sequence[str]) -> None:
        self.path = Path(expanded(output))
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"--output={output} is a file; give a folder")
        if (self.path / "recipe.json").exists():
            raise UserError(f"--output={output} is a run's folder; give one of its own")
        own_files.refuse_foreign(
            [self.path / name for name in files], [self.path / name for name in folders]
        )

    def write(self, contents: Mapping[str, str]) -> None:
        """Files by name. Raises UserError where they cannot be written."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            for name, content in contents.items():
                own_files.write(self.path / name, content)
        except OSError as error:
            raise UserError(f"--output={self.path} cannot be written: {error.strerror}") from error
