"""Text in figures: it is what it says."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib

from jaxcnn.text.phrases import printable

# A longer name would leave no room for the picture beside it.
MOST_CHARACTERS = 40


@contextmanager
def plain_text() -> Iterator[None]:
    """Within it text is what it says: no mathematics between dollars, no TeX; and a character that
    the font lacks is drawn as a box, without a warning for each."""
    with (
        matplotlib.rc_context({"text.parse_math": False, "text.usetex": False}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def drawn(name: str, most: int = MOST_CHARACTERS) -> str:
    """A name on one line, not too long."""
    return printable(name, most)
