"""python -m jaxcnn.benchmark"""

from jaxcnn.benchmark.command import main
from jaxcnn.command.cli import start

if __name__ == "__main__":
    start(main)
