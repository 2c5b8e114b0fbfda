"""python -m jaxcnn.data.prepare"""

from jaxcnn.command.cli import start
from jaxcnn.data.prepare.command import main

if __name__ == "__main__":
    start(main)
