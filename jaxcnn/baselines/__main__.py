"""python -m jaxcnn.baselines"""

from jaxcnn.baselines.command import main
from jaxcnn.command.cli import start

if __name__ == "__main__":
    start(main)
