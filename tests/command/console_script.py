"""The console script `jaxcnn`, as pip writes it of pyproject.toml."""

import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


def console_script(folder: Path) -> str:
    """Writes it into `folder`, for a Python that is named when it is run. Returns its path."""
    module, _, function = PROJECT["scripts"]["jaxcnn"].partition(":")
    path = folder / "jaxcnn"
    path.write_text(
        f"import sys\nfrom {module} import {function}\n"
        f"if __name__ == '__main__':\n    sys.exit({function}())\n"
    )
    return str(path)
