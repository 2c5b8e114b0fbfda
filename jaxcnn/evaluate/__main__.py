"""python -m jaxcnn.evaluate"""

from jaxcnn.command.cli import start
from jaxcnn.evaluate.command import main

if __name__ == "__main__":
    start(main)
