"""python -m jaxcnn.plan"""

from jaxcnn.command.cli import start
from jaxcnn.plan.command import main

if __name__ == "__main__":
    start(main)
