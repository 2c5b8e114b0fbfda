"""torchvision's half of augment.py, run by an interpreter that has torchvision.

Each line of standard input is {"paths": [...], "randaugment": bool}; each answer {"seconds": S}.
"""

import json
import sys
import time

import torch
from PIL import Image
from torchvision import transforms


def main() -> None:
    torch.set_num_threads(1)
    usual = [transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip()]
    pipelines = {
        False: transforms.Compose(usual),
        True: transforms.Compose([*usual, transforms.RandAugment()]),
    }
    for line in sys.stdin:
        order = json.loads(line)
        transform = pipelines[order["randaugment"]]
        start = time.process_time()
        for path in order["paths"]:
            transform(Image.open(path).convert("RGB"))
        print(json.dumps({"seconds": time.process_time() - start}), flush=True)


if __name__ == "__main__":
    main()
