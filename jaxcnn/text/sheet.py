"""Text in files that spreadsheets and Markdown readers open: it is what it says."""

import re
from collections.abc import Sequence

from jaxcnn.text.phrases import MOST_OF_A_NAME, printable

# A spreadsheet takes what begins so for a formula:
# https://owasp.org/www-community/attacks/CSV_Injection.
FORMULA = ("=", "+", "-", "@")


def sheet_cell(name: str) -> str:
    """A name for a cell of a CSV file; before what would be a formula an apostrophe."""
    shown = printable(name, MOST_OF_A_NAME)
    return f"'{shown}" if shown.lstrip().startswith(FORMULA) else shown


def markdown(name: str) -> str:
    """A name within a line of Markdown, or a cell of its table."""
    return re.sub(r"([\\`*_\[\]<>|~&$])", r"\\\1", printable(name, MOST_OF_A_NAME))


def markdown_page(
    title: str,
    command: str,
    tables: Sequence[Sequence[Sequence[str]]],
    notes: Sequence[str],
) -> str:
    """Tables, whose first row is their columns' names; what to know of them; and the command that
    made them."""
    lines = [f"# {markdown(title)}", "", f"    {printable(command)}", ""]
    for header, *rows in tables:
        ruler = "|" + "---|" * len(header)
        lines += [_line(header), ruler, *map(_line, rows), ""]
    return "\n".join([*lines, *(f"- {markdown(note)}" for note in notes), ""])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(markdown, cells))} |"
