"""Writes goldens/: what torch 2.14.1 and timm 1.0.31 train by, in the cases of cases.py.

pip install torch==2.14.1 torchvision==0.29.1 timm==1.0.31
PYTHONPATH=. python tests/parity/training/make_goldens.py
"""

import json
import math
from types import SimpleNamespace

import numpy as np
import timm
import timm.loss
import timm.optim
import timm.scheduler
import torch
from cases import (
    ADAM_RATE,
    CLASS_WEIGHTS,
    DECAY,
    DRAWS,
    EPOCHS,
    FAMILIES,
    FILL,
    GOLDENS,
    LEVELS,
    LOSSES,
    MUON,
    OPTIMIZERS,
    ORDERED,
    PEAK,
    RATE,
    SCHEDULES,
    SEEN,
    STEPS,
    STEPS_PER_EPOCH,
    WEIGHTED,
    WINDOWED,
    gradients,
    logits_and_labels,
    parameters,
    picture,
)
from PIL import Image
from timm.data import auto_augment, random_erasing, transforms
from timm.data.mixup import mixup_target
from timm.models import group_parameters
from timm.optim import param_groups_weight_decay

WHERE = {"torch": torch.optim, "timm": timm.optim}


def after_steps(settings: dict, reference: str, arguments: dict) -> np.ndarray:
    """All parameters, in the order of `parameters`, after STEPS steps."""
    library, name = reference.split(":")
    tensors = {
        (module, leaf): torch.nn.Parameter(torch.tensor(value))
        for module, values in parameters().items()
        for leaf, value in values.items()
    }
    decayed, spared = [], []
    for (_, leaf), tensor in tensors.items():
        is_decayed = leaf == "kernel" or settings.get("decay") == "all"
        (decayed if is_decayed else spared).append(tensor)
    groups = [{"params": decayed, "weight_decay": DECAY}, {"params": spared, "weight_decay": 0.0}]
    groups = [group for group in groups if group["params"]]
    optimizer = getattr(WHERE[library], name)(groups, lr=RATE, **arguments)
    for step in range(STEPS):
        of_step = gradients(step)
        for (module, leaf), tensor in tensors.items():
            tensor.grad = torch.tensor(of_step[module][leaf])
        if "clip_norm" in settings and library == "torch":
            torch.nn.utils.clip_grad_norm_(tensors.values(), settings["clip_norm"])
        optimizer.step()
    return np.concatenate([tensor.detach().numpy().ravel() for tensor in tensors.values()])


def after_steps_of_muon(groups: int) -> np.ndarray:
    """The same, the convolution by torch's Muon: a matrix [outputs, all inputs] for each group.

    In float32, where torch rounds to bfloat16 on the way.
    """
    torch.Tensor.bfloat16 = torch.Tensor.float
    values = parameters()

    def matrices(kernel: np.ndarray) -> list[np.ndarray]:
        flat = kernel.reshape(-1, kernel.shape[-1]).T
        return [np.ascontiguousarray(part) for part in np.split(flat, groups)]

    def torch_parameters(value: np.ndarray) -> torch.nn.Parameter:
        return torch.nn.Parameter(torch.tensor(value))

    kernel = [torch_parameters(part) for part in matrices(values["conv"]["kernel"])]
    others = {
        (module, leaf): torch_parameters(value)
        for module, of in values.items()
        for leaf, value in of.items()
        if module != "conv"
    }
    decays = {True: DECAY, False: 0.0}
    adamw = [
        {
            "params": [p for (_, leaf), p in others.items() if (leaf == "kernel") == decayed],
            "weight_decay": decay,
        }
        for decayed, decay in decays.items()
    ]
    optimizers = (
        torch.optim.Muon(kernel, lr=RATE, momentum=0.95, weight_decay=DECAY),
        torch.optim.AdamW(adamw, lr=ADAM_RATE, betas=(0.9, 0.95), eps=1e-10),
    )
    for step in range(STEPS):
        of_step = gradients(step)
        for part, gradient in zip(kernel, matrices(of_step["conv"]["kernel"]), strict=True):
            part.grad = torch.tensor(gradient)
        for (module, leaf), tensor in others.items():
            tensor.grad = torch.tensor(of_step[module][leaf])
        for optimizer in optimizers:
            optimizer.step()
    rows = torch.cat(kernel).detach().numpy().T
    return np.concatenate([rows.ravel(), *(p.detach().numpy().ravel() for p in others.values())])


def rates(settings: dict, reference: str, arguments: dict) -> list[float]:
    """The rate of every step."""
    library, name = reference.split(":")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    steps = range(EPOCHS * STEPS_PER_EPOCH)
    seen = []
    if library == "torch":
        scheduler = getattr(torch.optim.lr_scheduler, name)(optimizer, **arguments)
        for step in steps:
            if step and step % STEPS_PER_EPOCH == 0:
                optimizer.step()
                scheduler.step()
            seen.append(optimizer.param_groups[0]["lr"])
        return seen
    by_epoch = settings.get("by_epoch", False)
    unit = 1 if by_epoch else STEPS_PER_EPOCH
    arguments = {k: v * unit if k == "warmup_t" else v for k, v in arguments.items()}
    length = EPOCHS * unit - (arguments["warmup_t"] if arguments.get("warmup_prefix") else 0)
    scheduler = getattr(timm.scheduler, name)(
        optimizer, t_initial=length, t_in_epochs=by_epoch, **arguments
    )
    for step in steps:
        if by_epoch:
            scheduler.step(step // STEPS_PER_EPOCH)
        else:
            scheduler.step_update(step)
        seen.append(optimizer.param_groups[0]["lr"])
    return seen


def loss_gradient(smoothing: float, threshold: float | None) -> np.ndarray:
    """Of timm's BinaryCrossEntropy behind timm's mixup of labels, as its script has them."""
    logits, labels, share = logits_and_labels()
    x = torch.tensor(logits, requires_grad=True)
    targets = mixup_target(torch.tensor(labels), logits.shape[1], lam=share, smoothing=smoothing)
    timm.loss.BinaryCrossEntropy(target_threshold=threshold)(x, targets).backward()
    return x.grad.numpy()


def weighted_gradient(of: str, smoothing: float) -> np.ndarray:
    """Of torch's cross-entropy with class weights, for labels or mixtures of them; and the loss."""
    logits, labels, share = logits_and_labels()
    x, targets = torch.tensor(logits, requires_grad=True), torch.tensor(labels)
    if of == "mixtures":
        targets = mixup_target(targets, logits.shape[1], lam=share)
    loss_of = torch.nn.CrossEntropyLoss(torch.tensor(CLASS_WEIGHTS), label_smoothing=smoothing)
    loss = loss_of(x, targets)
    loss.backward()
    return np.append(x.grad.numpy(), loss.detach().numpy())


def spared() -> dict[str, list[str]]:
    """timm's names of each model's parameters that have several axes and do not decay."""
    found = {}
    for name in FAMILIES:
        with torch.device("meta"):
            model = timm.create_model(name)
        named = model.no_weight_decay() if hasattr(model, "no_weight_decay") else ()
        groups = param_groups_weight_decay(model, DECAY, no_weight_decay_list=named)
        undecayed = {id(p) for g in groups if g["weight_decay"] == 0 for p in g["params"]}
        found[name] = sorted(
            name for name, p in model.named_parameters() if id(p) in undecayed and p.ndim > 1
        )
    return found


def layers() -> dict[str, list[list[str]]]:
    """timm's names of each model's parameters, a list for each layer of its layer decay."""
    found = {}
    for name in ORDERED:
        with torch.device("meta"):
            model = timm.create_model(name)
        matcher = model.group_matcher(coarse=False)
        found[name] = [sorted(of) for _, of in sorted(group_parameters(model, matcher).items())]
    return found


def operations() -> dict[str, np.ndarray]:
    """Each operation's values at LEVELS, and what it makes of the picture at those of SEEN."""
    image, found = Image.fromarray(picture()), {}
    sets = {
        0: auto_augment._RAND_TRANSFORMS,
        1: auto_augment._RAND_INCREASING_TRANSFORMS,
    }
    for increasing, names in sets.items():
        found[f"names/{increasing}"] = np.array(names)
        for name in names:
            function, to_value = auto_augment.NAME_TO_OP[name], auto_augment.LEVEL_TO_ARG[name]
            for level in LEVELS:
                for sign in (1, -1):
                    auto_augment._randomly_negate = lambda value, sign=sign: sign * value
                    value = to_value(level, {}) if to_value else ()
                    found[f"value/{name}/{level}/{sign}"] = np.array(value, np.float64)
                    for mode in (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC):
                        if level not in SEEN:
                            continue
                        changed = function(image, *value, fillcolor=FILL, resample=mode)
                        found[f"image/{name}/{level}/{sign}/{int(mode)}"] = np.asarray(changed)
    return found


def python_random(seed: int) -> SimpleNamespace:
    """Python's `random`, which timm draws by, with NumPy's numbers."""
    draws = np.random.default_rng(seed)
    return SimpleNamespace(
        random=draws.random,
        uniform=draws.uniform,
        randint=lambda least, most: int(draws.integers(least, most + 1)),
        choice=lambda choices: choices[draws.integers(len(choices))],
    )


def erased(height: int, width: int) -> list[tuple[int, ...]]:
    """Top, left, height and width of what timm erases of an image; nothing where it does not."""
    boxes = []
    for seed in range(DRAWS):
        random_erasing.random = python_random(seed)
        image = torch.ones(1, height, width)
        random_erasing.RandomErasing(0.8, mode="const", device="cpu")(image)
        rows, columns = (
            np.flatnonzero((image[0] == 0).any(1)),
            np.flatnonzero((image[0] == 0).any(0)),
        )
        boxes.append((rows[0], columns[0], len(rows), len(columns)) if len(rows) else (0, 0, 0, 0))
    return boxes


def cropped(height: int, width: int) -> list[tuple[int, ...]]:
    """Top, left, height and width of timm's random crops, and Pillow's number of how it resizes."""
    windows = []
    transforms.F = SimpleNamespace(
        get_image_size=lambda size: size,
        resized_crop=lambda image, *window_size_mode: windows.append(window_size_mode),
    )
    for seed in range(DRAWS):
        transforms.random = python_random(seed)
        transforms.RandomResizedCropAndInterpolation(32, interpolation="random")((width, height))
    numbers = {"bilinear": 2, "bicubic": 3}
    return [(*window, numbers[mode.value]) for *window, _, mode in windows]


def main() -> None:
    GOLDENS.mkdir(exist_ok=True)
    steps = {name: after_steps(*row) for name, row in OPTIMIZERS.items()}
    steps |= {name: after_steps_of_muon(groups) for name, groups in MUON.items()}
    np.savez_compressed(GOLDENS / "optimizers.npz", **steps)
    losses = {name: loss_gradient(*row) for name, row in LOSSES.items()}
    losses |= {name: weighted_gradient(*row) for name, row in WEIGHTED.items()}
    np.savez_compressed(GOLDENS / "losses.npz", **losses)
    np.savez_compressed(GOLDENS / "rand_augment.npz", **operations())
    windows = {
        f"{name}/{height}x{width}": np.array(function(height, width))
        for name, function in (("erased", erased), ("cropped", cropped))
        for height, width in WINDOWED
    }
    np.savez_compressed(GOLDENS / "windows.npz", **windows)
    schedules = {name: rates(*row) for name, row in SCHEDULES.items()}
    assert all(map(math.isfinite, sum(schedules.values(), [])))
    (GOLDENS / "schedules.json").write_text(json.dumps(schedules, indent=0) + "\n")
    (GOLDENS / "spared.json").write_text(json.dumps(spared(), indent=0) + "\n")
    (GOLDENS / "layers.json").write_text(json.dumps(layers()) + "\n")


if __name__ == "__main__":
    main()
