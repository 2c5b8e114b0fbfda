"""python -m jaxcnn.soup"""

from jaxcnn.command.cli import start
from jaxcnn.soup.command import main

if __name__ == "__main__":
    start(main)
