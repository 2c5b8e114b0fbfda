"""What weights were read from, so that it can be read again, or known to be another."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """Where weights came from.

    Attributes:
        source: as it was named.
        commit: of the Hub's repository; None for files.
        sha256: of each file that was read, by its name.
    """

    source: str
    commit: str | None
    sha256: Mapping[str, str]

    def __str__(self) -> str:
        commit = [] if self.commit is None else [f"commit {self.commit[:12]}"]
        digests = [f"SHA-256 {digest[:12]} of {name}" for name, digest in self.sha256.items()]
        return f"{self.source} ({', '.join([*commit, *digests])})"
