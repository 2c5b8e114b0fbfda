"""python -m jaxcnn.features"""

from jaxcnn.command.cli import start
from jaxcnn.features.command import main

if __name__ == "__main__":
    start(main)
