"""Times a workload in PyTorch: timm's model, or a twin where timm has none. Needs no jaxcnn.

Run by `jaxcnn.benchmark.rival` under an interpreter that has torch and timm. Its arguments are
`eager` or `torch.compile`; `tf32` or `float32`, which a GPU multiplies float32 in; and `cpu` or
`cuda`. Reads a workload as one line of JSON and answers with one; then, for each number of steps,
with the seconds of each.

PyTorch as its users make it fast: `channels_last` (the models and images in NHWC, as ours are), the
optimiser's update in one pass over the parameters, autocast where the workload's precision is
bfloat16, and on a GPU cuDNN's choice of its algorithms by trial.
"""

import json
import sys
import time
from collections.abc import Callable

import timm
import torch
import torch_twins
from torch import nn
from torch.nn import functional

# After the first, which compiles: the allocator's and cuDNN's trials are then over.
WARM_UP_STEPS = 2
DEVICE = sys.argv[3]


def make_model(workload: dict) -> nn.Module:
    name, num_classes = workload["arch"], workload["num_classes"]
    if timm.is_model(name):
        rates = {rate: workload[rate] for rate in ("drop_rate", "drop_path_rate") if workload[rate]}
        sized = {"img_size": workload["image_size"]} if name.startswith(("vit", "swin")) else {}
        return timm.create_model(name, num_classes=num_classes, **rates, **sized)
    if hasattr(torch_twins, name):
        return getattr(torch_twins, name)(num_classes)
    raise SystemExit(f"neither timm nor torch_twins.py has {name}")


def make_step(workload: dict, *, compiled: bool) -> Callable[[], None]:
    """`step()` of the workload, on random images."""
    size = (workload["batch_size"], workload["channels"], *[workload["image_size"]] * 2)
    images = torch.randn(size, device=DEVICE).to(memory_format=torch.channels_last)
    labels = torch.arange(len(images), device=DEVICE) % workload["num_classes"]
    plain = make_model(workload).to(DEVICE, memory_format=torch.channels_last)
    plain.train(workload["mode"] == "train")
    model = torch.compile(plain) if compiled else plain
    half = torch.autocast(DEVICE, torch.bfloat16, enabled=workload["precision"] == "bfloat16")

    if workload["mode"] == "infer":

        def infer() -> None:
            with torch.inference_mode(), half:
                model(images)

        return infer

    optimizer = torch.optim.SGD(plain.parameters(), 0.01, momentum=0.9, nesterov=True, fused=True)

    def train() -> None:
        optimizer.zero_grad()
        with half:
            loss = functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()

    return train


def timed(step: Callable[[], None], steps: int) -> list[float]:
    """The seconds of each step; on a GPU, but for the first, those of all by their number.

    There steps are queued, and one that waited for its end would leave the GPU without work.
    """
    queued = 1 if DEVICE == "cpu" else max(steps - 1, 1)
    seconds: list[float] = []
    while len(seconds) < steps:
        block = queued if seconds else 1
        start = time.perf_counter()
        for _ in range(block):
            step()
        synchronize()
        seconds += [(time.perf_counter() - start) / block] * block
    return seconds


def synchronize() -> None:
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def peak_bytes() -> int:
    """The most that was in use of the GPU's memory, or of the machine's by this process."""
    if DEVICE == "cuda":
        return torch.cuda.max_memory_allocated()
    import resource  # Windows has none.

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    return peak if sys.platform == "darwin" else peak * 1024


def main() -> None:
    compiled, tf32 = sys.argv[1] == "torch.compile", sys.argv[2] == "tf32"
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = tf32
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    try:
        step = make_step(json.loads(sys.stdin.readline()), compiled=compiled)
        [compile_seconds] = timed(step, 1)
        timed(step, WARM_UP_STEPS)
    except Exception as error:
        first_line = str(error).strip().partition("\n")[0]
        raise SystemExit(f"{type(error).__name__}: {first_line}") from error
    versions = {"torch": torch.__version__, "timm": timm.__version__}
    print(json.dumps({"versions": versions, "compile_seconds": compile_seconds}), flush=True)
    for line in sys.stdin:
        answer = {"seconds": timed(step, int(line)), "peak_bytes": peak_bytes()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
