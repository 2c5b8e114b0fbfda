"""The way of a line, or of a name in a table, to a person.

Names come from strangers, errors of libraries quote them, and a terminal obeys what it is sent. So
what is for people takes this way, and no author of a message has to think of it.
"""

import sys
from typing import TextIO

from rich.console import Console
from rich.text import Text

from jaxcnn.text.phrases import MOST_OF_A_NAME, printable


def say(line: str, stream: TextIO | None = None) -> None:
    """To standard error, if not to another stream."""
    print(printable(line), file=stream or sys.stderr, flush=True)


def say_on(console: Console, line: str, style: str = "") -> None:
    """As it is: brackets are no markup, :words: no emoji, and a long line is not folded."""
    console.print(Text(printable(line), style), soft_wrap=True)


def cell(name: str) -> Text:
    """A name for a rich table, or its title."""
    return Text(printable(name, MOST_OF_A_NAME))
