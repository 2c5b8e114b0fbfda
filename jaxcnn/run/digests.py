"""What the files of a checkpoint hold, written down when it is made, compared when it is read.

Orbax checks its own index but not the arrays: of 50 single bits turned over in the array files of a
small checkpoint 48 were restored as other numbers without a word.
"""

import hashlib
from pathlib import Path

from jaxcnn.files import own_files

# As `sha256sum` writes and checks it: `cd checkpoints/100 && sha256sum --check SHA256SUMS`.
NAME = "SHA256SUMS"


def write_digests(folder: Path) -> None:
    """Writes the SHA-256 of every file in the folders of `folder` into its file SHA256SUMS.

    Not of those beside it: they are Orbax's notes of when it wrote what, which it goes on to
    change, and which nothing is restored from.
    """
    lines = [f"{_sha256(folder / name)}  {name}\n" for name in _files(folder)]
    own_files.write(folder / NAME, "".join(lines))


def has_digests(folder: Path) -> bool:
    return (folder / NAME).exists()


def damage(folder: Path, within: str = "") -> str | None:
    """What is wrong with a folder that `write_digests` was called for; None if it is whole.

    `within` limits the look to files whose path below `folder` starts with it.
    """
    lines = own_files.read(folder / NAME).decode(errors="replace").splitlines()
    digests = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    if not digests:
        return f"{NAME} is empty"
    files = set(_files(folder))
    if unlisted := files - digests.keys():
        return f"{NAME} lacks {min(unlisted)}"
    # Only what lies in the folder is opened, whatever is listed.
    if missing := digests.keys() - files:
        return f"{min(missing)!r} is missing"
    for name, digest in digests.items():
        try:
            if name.startswith(within) and _sha256(folder / name) != digest:
                return f"{name} is not what was written"
        except OSError as error:
            return f"{name} cannot be read: {error.strerror}"
    return None


def _files(folder: Path) -> list[str]:
    """Those in the folders of `folder`, by their paths below it."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.parent != folder)
    return sorted(path.relative_to(folder).as_posix() for path in files)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
