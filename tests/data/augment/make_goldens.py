"""Writes goldens/augment.npz: what torchvision's operations make of one small image.

    pip install torch==2.14.1 torchvision==0.29.1
    PYTHONPATH=. python tests/data/augment/make_goldens.py

For each policy's space: the magnitudes of every operation at every level for a 224x224 image, and
the image changed by every operation at some levels, with either sign. The suite needs no torch.
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from torchvision.transforms import InterpolationMode, autoaugment
from torchvision.transforms.autoaugment import AutoAugmentPolicy, _apply_op

GOLDENS = Path(__file__).parent / "goldens" / "augment.npz"
SIZE = (224, 224)
# Levels at which images are kept. None puts pixels' sources on the edges between two.
KEPT = {"usual": (9, 29), "wide": (29,)}


def picture() -> np.ndarray:
    """uint8 [18, 22, 3]: smooth, so that bilinear and nearest differ little, and coloured."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(256, size=(5, 6, 3), dtype=np.uint8))
    return np.asarray(coarse.resize((22, 18), Image.Resampling.BICUBIC))


def main() -> None:
    image = picture()
    height, width = image.shape[:2]
    augmix = autoaugment.AugMix()
    autos = {
        name: autoaugment.AutoAugment(AutoAugmentPolicy(name)) for name in ("cifar10", "imagenet")
    }
    randaugment, trivial = autoaugment.RandAugment(), autoaugment.TrivialAugmentWide()
    spaces = {
        "auto": lambda size: autos["imagenet"]._augmentation_space(10, size),
        "usual": lambda size: randaugment._augmentation_space(31, size),
        "wide": lambda size: trivial._augmentation_space(31),
        "mixed": lambda size: augmix._augmentation_space(10, size),
    }
    arrays: dict[str, np.ndarray] = {"image": image}
    for name, policy in autos.items():
        pairs = [
            [(op, p, level or 0) for op, p, level in pair]
            for pair in policy._get_policies(AutoAugmentPolicy(name))
        ]
        arrays[f"pairs/{name}"] = np.array(json.dumps(pairs))
    for space, magnitudes_for in spaces.items():
        for op, (magnitudes, signed) in magnitudes_for(SIZE).items():
            levels = magnitudes.numpy() if magnitudes.ndim else np.zeros(0)
            arrays[f"magnitudes/{space}/{op}/{'signed' if signed else 'unsigned'}"] = levels
        for op, (magnitudes, signed) in magnitudes_for((height, width)).items():
            for level in KEPT.get(space, ()) if magnitudes.ndim else (0,) * (space in KEPT):
                value = float(magnitudes[level]) if magnitudes.ndim else 0.0
                for sign in (1, -1) if signed else (1,):
                    for mode in (InterpolationMode.NEAREST, InterpolationMode.BILINEAR):
                        if mode is InterpolationMode.BILINEAR and not op.startswith(
                            ("Shear", "Rotate")
                        ):
                            continue
                        changed = _apply_op(
                            Image.fromarray(image), op, sign * value, mode, fill=[7, 80, 200]
                        )
                        key = f"images/{space}/{op}/{level}/{sign}/{mode.value}"
                        arrays[key] = np.asarray(changed)
    GOLDENS.parent.mkdir(exist_ok=True)
    np.savez_compressed(GOLDENS, **arrays)
    print(len(arrays), "arrays,", GOLDENS.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
