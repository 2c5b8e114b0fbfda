"""The comparisons with the reference implementations: a row each. No torch here."""

import json
from pathlib import Path

from jaxcnn.selfcheck import cases as selfchecks
from jaxcnn.selfcheck.cases import Case

GOLDENS = Path(__file__).parent / "goldens"
FULL_SIZES = GOLDENS / "full"
SIZES = FULL_SIZES / "sizes.json"
KEYS = GOLDENS / "keys.json"


# Slow are those that have the layers of another case here, in other numbers.
CASES = [
    *selfchecks.CASES,
    # ResNet
    Case("resnet18", "timm:resnet18"),
    Case(
        "resnext50_32x4d",
        "timm:resnext50_32x4d",
        (32, 48),
        batch_size=2,
        overrides={"stages": (1, 2, 1, 1)},
        reference_overrides={"layers": (1, 2, 1, 1)},
        slow=True,
    ),
    Case(
        "wide_resnet50_2",
        "timm:wide_resnet50_2",
        (48, 32),
        batch_size=2,
        overrides={"stages": (1, 1, 1, 1)},
        reference_overrides={"layers": (1, 1, 1, 1)},
        slow=True,
    ),
    Case("resnet20", "twin:resnet20", (16, 24), batch_size=2),
    # airbench
    Case("airbench94", "twin:airbench94", (28, 31), batch_size=2),
    # ResNetV2
    Case(
        "resnetv2_50",
        "timm:resnetv2_50",
        (40, 64),
        batch_size=3,
        overrides={"stages": (1, 2, 1, 1)},
        reference_overrides={"layers": (1, 2, 1, 1)},
    ),
    # SENet
    Case(
        "seresnet50",
        "timm:seresnet50",
        (33, 47),
        batch_size=2,
        overrides={"stages": (1, 2, 1, 1)},
        reference_overrides={"layers": (1, 2, 1, 1)},
    ),
    Case(
        "seresnext50_32x4d",
        "timm:seresnext50_32x4d",
        (48, 48),
        batch_size=2,
        overrides={"stages": (1, 1, 1, 1)},
        reference_overrides={"layers": (1, 1, 1, 1)},
        slow=True,
    ),
    Case(
        "senet154",
        "timm:senet154",
        (33, 33),
        batch_size=3,
        overrides={"stages": (1, 1, 1, 1)},
        reference_overrides={"layers": (1, 1, 1, 1)},
        slow=True,
    ),
    # DenseNet
    Case(
        "densenet161",
        "timm:densenet161",
        (45, 64),
        overrides={"stages": (1, 2, 1, 1)},
        reference_overrides={"block_config": (1, 2, 1, 1)},
        slow=True,
    ),
    Case(
        "densenet_40_k12",
        "twin:densenet_40_k12",
        (24, 24),
        batch_size=2,
        overrides={"stages": (3, 3, 3)},
        reference_overrides={"layers": 3},
    ),
    Case(
        "densenet_bc_100_k12",
        "twin:densenet_bc_100_k12",
        (23, 16),
        batch_size=2,
        overrides={"stages": (2, 2, 2)},
        reference_overrides={"layers": 2},
        slow=True,
    ),
    # Baselines and LeNet
    Case("linear", "twin:linear", (28, 28), channels=1),
    Case("mlp", "twin:mlp", (28, 28), channels=1),
    Case("lenet5", "twin:lenet5", (32, 32), channels=1),
    Case("lenet_1989", "twin:lenet_1989", (32, 32), channels=1),
    # ViT: position embeddings resampled down, up, to non-square and not at all
    Case(
        "vit_small_patch16_384",
        "timm:vit_small_patch16_384",
        (96, 128),
        overrides={"depth": 2, "image_size": 64},
        reference_overrides={"depth": 2, "img_size": 64, "dynamic_img_size": True},
    ),
    Case(
        "vit_small_patch32_224",
        "timm:vit_small_patch32_224",
        (64, 64),
        overrides={"depth": 2, "image_size": 64},
        reference_overrides={"depth": 2, "img_size": 64},
        slow=True,
    ),
    Case(
        "vit_base_patch16_224",
        "timm:vit_base_patch16_224",
        (64, 48),
        overrides={"depth": 1, "pool": "mean"},
        reference_overrides={"depth": 1, "global_pool": "avg", "dynamic_img_size": True},
    ),
    Case(
        "vit_base_patch16_gap_224",
        "timm:vit_base_patch16_gap_224",
        (48, 64),
        overrides={"depth": 1},
        reference_overrides={"depth": 1, "dynamic_img_size": True},
    ),
    Case(
        "vit_large_patch14_224",
        "timm:vit_large_patch14_224",
        (56, 70),
        overrides={"depth": 1},
        reference_overrides={"depth": 1, "dynamic_img_size": True},
        slow=True,
    ),
    # Swin: maps that are one window high, that need padding, and four stages of smaller windows
    Case(
        "swin_small_patch4_window7_224",
        "timm:swin_small_patch4_window7_224",
        (96, 96),
        batch_size=2,
        overrides={"stages": (1, 2, 1, 1), "window": 3},
        reference_overrides={"img_size": 96, "depths": (1, 2, 1, 1), "window_size": 3},
        slow=True,
    ),
    Case(
        "swin_base_patch4_window7_224",
        "timm:swin_base_patch4_window7_224",
        (60, 92),
        batch_size=2,
        overrides={"stages": (2, 2)},
        reference_overrides={"img_size": (60, 92), "depths": (2, 2), "num_heads": (4, 8)},
        slow=True,
    ),
    # EfficientNet
    Case("efficientnet_lite0", "timm:efficientnet_lite0", (64, 64), slow=True),
    Case("tf_efficientnet_b0", "timm:tf_efficientnet_b0", (64, 80), slow=True),
    # EfficientNetV2
    Case(
        "efficientnetv2_s",
        "timm:efficientnetv2_s",
        (96, 64),
        overrides={"depth": 0.1},
        reference_overrides={"depth_multiplier": 0.1},
    ),
    # ConvNeXt
    Case(
        "convnextv2_tiny",
        "timm:convnextv2_tiny",
        (75, 64),
        overrides={"stages": (1, 1, 2, 1)},
        reference_overrides={"depths": (1, 1, 2, 1)},
    ),
    # AlexNet: 67 and 63 pixels are the least.
    Case("alexnet", "torchvision:alexnet", (63, 96)),
    Case(
        "alexnet_2012",
        "twin:alexnet_2012",
        (128, 67),
        overrides={"dense": (256, 128)},
        reference_overrides={"dense": (256, 128)},
    ),
    # VGG: maps smaller than the 7x7 of the first dense layer, and larger ones.
    Case(
        "vgg11",
        "timm:vgg11",
        (256, 32),
        overrides={"dense": (128, 4096)},
        reference_overrides={"mlp_ratio": 1 / 32},
    ),
    Case(
        "vgg11_bn",
        "timm:vgg11_bn",
        (32, 64),
        overrides={"dense": (128, 4096)},
        reference_overrides={"mlp_ratio": 1 / 32},
    ),
    Case(
        "vgg16",
        "timm:vgg16",
        (32, 64),
        overrides={"dense": (128, 4096)},
        reference_overrides={"mlp_ratio": 1 / 32},
        slow=True,
    ),
    # GoogLeNet, torchvision's without two of its modules: see the twin.
    Case(
        "googlenet",
        "twin:googlenet_without_4b_4c",
        (32, 48),
        batch_size=8,
        overrides={"modules": ("ab", "ade", "ab"), "aux_drop_rate": 0.0},
    ),
    # The auxiliary classifiers' pooling is the paper's at its size only.
    Case(
        "googlenet_2014",
        "twin:googlenet_2014",
        (224, 224),
        batch_size=2,
        overrides={"aux_drop_rate": 0.0},
        slow=True,
    ),
]


def golden_path(case: Case) -> Path:
    folder = selfchecks.GOLDENS if case in selfchecks.CASES else GOLDENS
    return folder / f"{case.id}.npz"


# By our names; of models that no case above names too.
NAMED = {case.model: case.reference for case in CASES} | {
    "resnet32": "twin:resnet32",
    "resnet44": "twin:resnet44",
    "resnet56": "twin:resnet56",
    "resnet110": "twin:resnet110",
    "googlenet": "torchvision:googlenet",
}


def full_size(name: str) -> Case:
    """One image through the whole model: `sizes.json` has its size, channels and classes."""
    reference = NAMED.get(name, f"timm:{name}")
    plain = {"aux_logits": True, "init_weights": False} if name == "googlenet" else {}
    size, channels, num_classes = json.loads(SIZES.read_text())[name]
    return Case(
        name,
        reference,
        (size, size),
        batch_size=1,
        num_classes=num_classes,
        channels=channels,
        reference_overrides=plain,
    )
