"""Times a workload in PyTorch: timm's model, or a twin where timm has none. Needs no jaxcnn.

Run by `jaxcnn.benchmarks.rival` under an interpreter that has torch and timm. Reads a workload as
one line of JSON and answers with one; then, for each number of steps, with the seconds of each.
"""

import json
import sys
import time

import timm
import torch
import torch_twins
from peak_memory import peak_bytes
from torch.nn import functional


def make_step(workload: dict):
    """`step()` of the workload, on random images."""
    name, num_classes = workload["arch"], workload["num_classes"]
    if timm.is_model(name):
        rates = {rate: workload[rate] for rate in ("drop_rate", "drop_path_rate") if workload[rate]}
        sized = {"img_size": workload["image_size"]} if name.startswith(("vit", "swin")) else {}
        model = timm.create_model(name, num_classes=num_classes, **rates, **sized)
    elif hasattr(torch_twins, name):
        model = getattr(torch_twins, name)(num_classes)
    else:
        raise SystemExit(f"neither timm nor torch_twins.py has {name}")
    size = (workload["batch_size"], workload["channels"], *[workload["image_size"]] * 2)
    images = torch.randn(size)
    labels = torch.arange(len(images)) % num_classes

    if workload["mode"] == "infer":
        model.eval()

        def infer() -> None:
            with torch.inference_mode():
                model(images)

        return infer

    model.train()
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, nesterov=True)

    def train() -> None:
        optimizer.zero_grad()
        functional.cross_entropy(model(images), labels).backward()
        optimizer.step()

    return train


def main() -> None:
    step = make_step(json.loads(sys.stdin.readline()))
    step()
    print(json.dumps({"torch": torch.__version__, "timm": timm.__version__}), flush=True)
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            start = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - start)
        print(json.dumps({"seconds": seconds, "peak_bytes": peak_bytes()}), flush=True)


if __name__ == "__main__":
    main()
