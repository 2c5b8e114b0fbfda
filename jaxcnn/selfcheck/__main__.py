"""python -m jaxcnn.selfcheck"""

from jaxcnn.command.cli import start
from jaxcnn.selfcheck.command import main

if __name__ == "__main__":
    start(main)
