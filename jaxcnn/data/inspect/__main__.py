"""python -m jaxcnn.data.inspect"""

from jaxcnn.command.cli import start
from jaxcnn.data.inspect.command import main

if __name__ == "__main__":
    start(main)
