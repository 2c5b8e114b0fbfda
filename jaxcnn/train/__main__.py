"""python -m jaxcnn.train"""

from functools import partial

from jaxcnn.command.own_process import begin

if __name__ == "__main__":
    own_process = begin("python -m jaxcnn.train")
    # After it, for these imports take a second.
    from jaxcnn.command.cli import start
    from jaxcnn.train.command import main

    start(partial(main, own_process=own_process))
