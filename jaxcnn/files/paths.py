"""What a person means by a path."""

import os

from jaxcnn.errors import UserError


def expanded(path: str | os.PathLike[str]) -> str:
    """`path` with a home directory in the place of a leading `~` or `~NAME`.

    A shell does that to `--workdir ~/run`, but not to `--workdir=~/run`. A bucket's address stays
    as it is. Raises UserError where there is no home directory, as for a user of a container.
    """
    text = os.fspath(path)
    found = os.path.expanduser(text)
    if found == text and text.split("/")[0] == "~":
        raise UserError(f"{text} is in a home directory, and this user has none; give another path")
    return found
