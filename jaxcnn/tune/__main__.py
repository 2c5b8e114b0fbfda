"""python -m jaxcnn.tune"""

from functools import partial

from jaxcnn.command.launch import end_on_signal_with_a_line, is_own_process
from jaxcnn.command.native_messages import python_writes_beside
from jaxcnn.processes.lost_reader import open_what_is_closed

if __name__ == "__main__":
    own_process = is_own_process()
    if own_process:
        # Before the imports below, which take a second.
        open_what_is_closed()
        end_on_signal_with_a_line("python -m jaxcnn.tune")
        python_writes_beside()

    from jaxcnn.command.cli import start
    from jaxcnn.tune.command import main

    start(partial(main, own_process=own_process))
