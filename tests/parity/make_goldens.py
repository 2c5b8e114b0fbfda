"""Writes goldens/ here and in jaxcnn/selfcheck: the references' outputs with the rule's weights.

    pip install torch==2.14.1 torchvision==0.29.1 timm
    PYTHONPATH=. python tests/parity/make_goldens.py [MODEL...]  # our names; without, all
    PYTHONPATH=. python tests/parity/make_goldens.py --full MODEL...
    PYTHONPATH=. python tests/parity/make_goldens.py --keys MODEL...
    PYTHONPATH=. python tests/parity/make_goldens.py --counts REFERENCE[:SIZE]...

The second form writes the logits of the whole models at their own size, for measure.py; the third
digests of the names and shapes of their weights, for tests/weights; the fourth prints the
parameters and GMACs of `timm:NAME`, `torchvision:NAME`, `twin:NAME`. The library itself never needs
torch.
"""

import json
import sys
from dataclasses import replace

import numpy as np
import timm
import torch
import torchvision
from cases import CASES, FULL_SIZES, KEYS, Case, full_size, golden_path
from timm.layers import set_fused_attn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from jaxcnn.benchmark import torch_twins
from jaxcnn.selfcheck.rule import digest, fill, images, labels, sample, spread

GRADIENTS, STATISTICS = 8, 6  # Tensors compared per case, where so many are sound.
NOISE, NOISE_DRAWS = 1e-6, 16
# What the reference's own float32 may differ from its float64 by, for a comparison to mean
# anything: less than the tolerance, 1e-4. Whole models are compared in the first mode that passes.
ROUNDING, WHOLE_ROUNDING = 3e-5, 1e-5
AUX_WEIGHT = 0.3  # Szegedy et al., 2015, section 5.


def build(reference: str, **overrides) -> torch.nn.Module:
    library, name = reference.split(":")
    match library:
        case "timm":
            return timm.create_model(name, **overrides)
        case "torchvision":
            return torchvision.models.get_model(name, weights=None, **overrides)
        case "twin":
            return getattr(torch_twins, name)(**overrides)
    raise ValueError(f"no library {library}")


def without_dropout(model: torch.nn.Module) -> torch.nn.Module:
    for module in model.modules():
        if hasattr(module, "drop_prob"):
            module.drop_prob = 0.0
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        if isinstance(getattr(module, "drop_rate", None), float):
            module.drop_rate = 0.0  # timm's DenseNet keeps its rate as a number.
    return model


def filled(case: Case, dtype: torch.dtype) -> tuple[torch.nn.Module, torch.Tensor]:
    """The reference with the rule's weights, and the rule's images."""
    model = build(case.reference, num_classes=case.num_classes, **case.reference_overrides)
    model = without_dropout(model)
    state = model.state_dict()
    for key, value in state.items():
        if value.is_floating_point():
            state[key] = torch.from_numpy(fill(key, tuple(value.shape)))
    model.load_state_dict(state)
    inputs = torch.from_numpy(images(case.batch_size, *case.size, case.channels))
    return model.to(dtype), inputs.permute(0, 3, 1, 2).to(dtype)


def forward(case: Case, dtype: torch.dtype, train: bool) -> np.ndarray:
    model, inputs = filled(case, dtype)
    with torch.no_grad():
        outputs = model.train(train)(inputs)
    return (outputs if isinstance(outputs, torch.Tensor) else outputs[0]).numpy()


def write_full_size(name: str) -> None:
    """The logits in evaluation mode, where float32 can tell; else those in training mode.

    The rule's weights make the signals of some deep networks grow from block to block in evaluation
    mode, until rounding decides; in training mode each batch normalisation brings them back.
    """
    case = full_size(name)
    for key, train, batch_size in (("logits", False, 1), ("train_logits", True, 2)):
        sized = replace(case, batch_size=batch_size)
        exact = forward(sized, torch.float64, train)
        error = np.abs(forward(sized, torch.float32, train) - exact).max() / np.abs(exact).max()
        print(f"{name} {key}: torch's float32 differs by {error:.1e}", flush=True)
        if error < WHOLE_ROUNDING:
            logits = {key: exact.astype(np.float32)}
            np.savez_compressed(FULL_SIZES / f"{name}.npz", **logits)
            return
    raise SystemExit(f"{name}: float32 cannot tell")


def write_keys(names: list[str]) -> None:
    digests = json.loads(KEYS.read_text()) if KEYS.exists() else {}
    for name in names:
        case = full_size(name)
        with torch.device("meta"):
            model = build(case.reference, num_classes=case.num_classes, **case.reference_overrides)
        statistics = ((key, b) for key, b in model.named_buffers() if "running_" in key)
        tensors = dict(model.named_parameters()) | dict(statistics)
        digests[name] = digest({key: tuple(value.shape) for key, value in tensors.items()})
    KEYS.write_text(json.dumps(dict(sorted(digests.items())), indent=0) + "\n")


def compute(case: Case, dtype: torch.dtype, noise_seed: int | None = None) -> dict[str, np.ndarray]:
    """Every output, statistic and gradient of one case; with noise on the images if asked for."""
    model, inputs = filled(case, dtype)
    if noise_seed is not None:
        generator = torch.Generator().manual_seed(noise_seed)
        inputs = inputs + NOISE * torch.randn(inputs.shape, generator=generator, dtype=dtype)
    targets = torch.from_numpy(labels(case.batch_size, case.num_classes))
    with torch.no_grad():
        out = {"logits": model.eval()(inputs).numpy()}

    outputs = model.train()(inputs)
    logits, aux = (outputs, []) if isinstance(outputs, torch.Tensor) else (outputs[0], outputs[1:])
    loss = functional.cross_entropy(logits, targets)
    for number, head in enumerate(reversed(aux), start=1):  # torchvision: logits, aux2, aux1
        out[f"aux{number}_logits"] = head.detach().numpy()
        loss = loss + AUX_WEIGHT * functional.cross_entropy(head, targets)
    loss.backward()
    out["train_logits"] = logits.detach().numpy()
    out |= {f"grad:{key}": p.grad.numpy() for key, p in model.named_parameters()}
    out |= {f"stat:{key}": b.numpy() for key, b in model.named_buffers() if "running_" in key}
    return out


def golden(case: Case) -> dict[str, np.ndarray]:
    """The case in float64, for what float32 can tell.

    A ReLU that rounding flips moves a gradient by more than any tolerance; so gradients are
    compared where neither torch's own float32 nor noise of a rounding's size on the images moves
    them. A case with few such gradients (a deep network, few pixels) is refused: give it fewer
    blocks or another size.
    """
    exact, rounded = compute(case, torch.float64), compute(case, torch.float32)
    moved = [rounded, *(compute(case, torch.float64, seed) for seed in range(NOISE_DRAWS))]

    def error(key: str) -> float:
        # Outputs follow the noise; gradients jump where a ReLU flips.
        others = moved if key.startswith("grad:") else [rounded]
        return (
            max(np.abs(other[key] - exact[key]).max() for other in others)
            / np.abs(exact[key]).max()
        )

    errors = {key: error(key) for key in exact}
    sound = [key for key in exact if errors[key] < (3e-4 if "grad:" in key else ROUNDING)]
    gradients = [key for key in sound if key.startswith("grad:")]
    statistics = [key for key in sound if key.startswith("stat:")]
    outputs = [key for key in exact if key.endswith("logits")]
    enough = min(GRADIENTS // 2, sum(key.startswith("grad:") for key in exact))  # linear has two
    if len(gradients) < enough or not set(outputs) <= set(sound):
        worst = {key: float(errors[key]) for key in outputs}
        raise SystemExit(
            f"{case.id}: {len(gradients)} gradients are sound in float32; logits {worst}"
        )
    kept = {key: exact[key] for key in outputs}
    compared = spread(gradients, GRADIENTS) + spread(statistics, STATISTICS)
    kept |= {key: sample(exact[key]) for key in compared}
    return {key: value.astype(np.float32) for key, value in kept.items()}


def print_counts(reference: str, size: int) -> None:
    with torch.device("meta"):
        model = build(reference).eval()
        inputs = torch.zeros(1, 3, size, size)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(inputs)
    parameters = sum(p.numel() for p in model.parameters())
    gmacs = counter.get_total_flops() / 2e9
    print(f"{reference} {size}: {parameters:_} parameters, {gmacs:.4f} GMACs")


def main() -> None:
    set_fused_attn(False)
    if sys.argv[1:2] == ["--counts"]:
        for argument in sys.argv[2:]:
            library, name, *size = argument.split(":")
            print_counts(f"{library}:{name}", int(size[0]) if size else 224)
        return
    if sys.argv[1:2] == ["--full"]:
        for name in sys.argv[2:]:
            write_full_size(name)
        return
    if sys.argv[1:2] == ["--keys"]:
        write_keys(sys.argv[2:])
        return
    for case in CASES:
        if not sys.argv[1:] or case.model in sys.argv[1:]:
            np.savez_compressed(golden_path(case), **golden(case))
            print(case.id)


if __name__ == "__main__":
    main()
