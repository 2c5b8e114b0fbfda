"""python -m jaxcnn.zoo"""

from jaxcnn.command.cli import start
from jaxcnn.zoo.command import main

if __name__ == "__main__":
    start(main)
