"""The comparisons with the reference implementations that are made on any machine. No torch here.

`tests/parity` has those of the other models, and writes the goldens of all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

GOLDENS = Path(__file__).parent / "goldens"


@dataclass(frozen=True)
class Case:
    """One model, compared at one input size.

    Attributes:
        model: our name.
        reference: `timm:NAME`, `torchvision:NAME` or `twin:NAME` (torch_twins.py, written
            from the paper where neither library has the model).
        size: height and width of the images; small, since parity does not depend on it.
        overrides: our fields, `reference_overrides` theirs: fewer blocks of the same kinds.
        slow: too slow for the suite: marked `slow`.
    """

    model: str
    reference: str
    size: tuple[int, int] = (64, 64)
    batch_size: int = 4
    num_classes: int = 10
    channels: int = 3
    overrides: Mapping[str, Any] = field(default_factory=dict)
    reference_overrides: Mapping[str, Any] = field(default_factory=dict)
    slow: bool = False

    @property
    def id(self) -> str:
        return f"{self.model}-{self.size[0]}x{self.size[1]}"


CASES = [
    Case(
        "resnet50",
        "timm:resnet50",
        (64, 96),
        overrides={"stages": (1, 2, 1, 1)},
        reference_overrides={"layers": (1, 2, 1, 1)},
    ),
    Case(
        "densenet121",
        "timm:densenet121",
        (32, 64),
        batch_size=2,
        overrides={"stages": (2, 2, 2, 2)},
        reference_overrides={"block_config": (2, 2, 2, 2)},
    ),
    # Position embeddings resampled.
    Case(
        "vit_tiny_patch16_224",
        "timm:vit_tiny_patch16_224",
        (64, 96),
        overrides={"depth": 3},
        reference_overrides={"depth": 3, "dynamic_img_size": True},
    ),
    # Maps that are one window high.
    Case(
        "swin_tiny_patch4_window7_224",
        "timm:swin_tiny_patch4_window7_224",
        (112, 168),
        batch_size=2,
        overrides={"stages": (1, 2, 2)},
        reference_overrides={
            "img_size": (112, 168),
            "depths": (1, 2, 2),
            "num_heads": (3, 6, 12),
        },
    ),
    # Slow: EfficientNetV2 has its layers too, in fewer blocks.
    Case("efficientnet_b0", "timm:efficientnet_b0", slow=True),
    Case(
        "convnext_tiny",
        "timm:convnext_tiny",
        (64, 96),
        overrides={"stages": (1, 1, 2, 1)},
        reference_overrides={"depths": (1, 1, 2, 1)},
    ),
]
