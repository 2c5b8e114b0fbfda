"""Nobody reads what is printed: no reason to end."""

import io
import os
import subprocess
import sys
from contextlib import suppress

import pytest
from rich.console import Console

from jaxcnn.processes.lost_reader import is_lost, while_it_is_read


def test_what_is_written_is_read_until_the_reader_is_gone():
    source, sink = os.pipe()
    stream = os.fdopen(sink, "w", buffering=1)
    console = Console(file=while_it_is_read(stream))
    console.print("heard")
    assert os.read(source, 100) == b"heard\n" and not is_lost(stream)
    os.close(source)
    for _ in range(3):
        console.print("not heard")
    console.file.flush()
    assert is_lost(stream)
    with suppress(BrokenPipeError):
        stream.close()


def test_a_stream_that_was_closed_takes_what_is_written():
    stream = io.StringIO()
    heard = while_it_is_read(stream)
    stream.close()
    heard.writelines(["not ", "heard"])
    heard.flush()


def test_a_stream_is_not_wrapped_twice():
    heard = while_it_is_read(io.StringIO())
    assert while_it_is_read(heard) is heard


CLOSED = """
import os
from jaxcnn.processes.lost_reader import open_what_is_closed
open_what_is_closed()
print("nobody reads this", flush=True)
raise SystemExit(os.open(os.devnull, os.O_RDONLY) <= 2)
"""


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_what_is_opened_later_does_not_get_the_number_of_a_closed_stream(closed):
    command = ["sh", "-c", f'exec "$0" "$@" {closed}', sys.executable, "-c", CLOSED]
    assert subprocess.run(command).returncode == 0
