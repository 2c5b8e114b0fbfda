"""python -m jaxcnn.sweep"""

from functools import partial

from jaxcnn.command.own_process import begin

if __name__ == "__main__":
    own_process = begin("python -m jaxcnn.sweep")
    # After it, for these imports take a second.
    from jaxcnn.command.cli import start
    from jaxcnn.sweep.command import main

    start(partial(main, own_process=own_process))
