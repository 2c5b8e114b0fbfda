"""python -m jaxcnn.compare"""

from jaxcnn.command.cli import start
from jaxcnn.compare.command import main

if __name__ == "__main__":
    start(main)
