"""python -m jaxcnn.predict"""

from jaxcnn.command.cli import start
from jaxcnn.predict.command import main

if __name__ == "__main__":
    start(main)
