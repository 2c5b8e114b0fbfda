"""How a command that has its process to itself begins, before imports that take a second."""

from jaxcnn.command.launch import end_on_signal_with_a_line, is_own_process
from jaxcnn.command.native_messages import python_writes_beside
from jaxcnn.processes.lost_reader import open_what_is_closed


def begin(program: str) -> bool:
    """Whether the process is the command's own; if so, it is made ready for what `program` does.

    A closed stream is opened, a signal to stop ends it with a line, and Python writes beside what
    C++ does.
    """
    if not is_own_process():
        return False
    open_what_is_closed()
    end_on_signal_with_a_line(program)
    python_writes_beside()
    return True
