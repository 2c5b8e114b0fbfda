"""What lines for people have in common."""

import re
from collections.abc import Sequence

# With more, what else a line says could not be found.
MOST_NAMES = 5
# Of a name among others, and of a line: a path may have 4,096 bytes.
MOST_OF_A_NAME, MOST_OF_A_LINE = 200, 5_000
# What a terminal obeys, and what has no look of its own but changes that of its neighbours.
UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f"  # Control characters.
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # Direction of writing.
    r"\u2028\u2029"  # Ends of lines and paragraphs.
    r"\xad\u115f\u1160\u180e\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    r"\U000e0000-\U000e007f"  # Those, and the ones above: of no width, or fillers.
    r"\ud800-\udfff]"  # Bytes of a file's name that are no text.
    # Joiners shape emoji, and letters of the scripts from Hebrew on; beside others they only hide.
    r"|(?<![^\x00-\u058f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\u058f])"
)


def first_few(names: Sequence[object], most: int = MOST_NAMES) -> str:
    """The first names, and how many there are more: "ant, bee and 3 more"."""
    shown = ", ".join(printable(str(name), MOST_OF_A_NAME) for name in names[:most])
    more = len(names) - most
    return f"{shown} and {more:,} more" if more > 0 else shown


def reason(error: BaseException) -> str:
    """What was raised, on one line: "KeyError: 'image'"."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def printable(text: str, most: int = MOST_OF_A_LINE) -> str:
    """`text` on one line as it may be shown: what is not seen, or is obeyed, as Python writes it.

    A line break becomes \\n, an ESC \\x1b. Of what is longer than `most` characters the middle is
    left out. Doing it twice changes nothing more.
    """
    escaped = UNSEEN.sub(
        lambda found: found[0].encode("unicode_escape").decode(), _without_middle(text, most)
    )
    return _without_middle(escaped, most)


def printable_lines(text: str) -> str:
    """Each of the lines of `text` for itself: of a traceback, or what C++ wrote."""
    return "\n".join(map(printable, text.expandtabs().split("\n")))


def _without_middle(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}…{text[len(text) - (most - 1) // 2 :]}"
