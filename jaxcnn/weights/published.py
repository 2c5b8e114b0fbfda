"""What weights are published for a model's plain name, and what they want images to look like.

From timm 1.0.31: each name's default tag, `hf:timm/NAME.TAG`; other tags bring their own settings
along in config.json. torchvision's are files that it downloads (torchvision.models, IMAGENET1K_V1).
"""

from dataclasses import dataclass

from jaxcnn.data.preprocessing import HALF, IMAGENET, Interpolation, Preprocessing, Statistics


@dataclass(frozen=True)
class PublishedWeights:
    """`tag` is timm's, or "torchvision"; None where nobody published weights."""

    tag: str | None
    preprocessing: Preprocessing


def _published(
    tag: str | None,
    image_size: int,
    crop_fraction: float,
    statistics: Statistics = IMAGENET,
    interpolation: Interpolation = "bicubic",
) -> PublishedWeights:
    return PublishedWeights(
        tag, Preprocessing(*statistics, image_size, crop_fraction, interpolation)
    )


WEIGHTS = {
    "alexnet": _published("torchvision", 224, 0.875, IMAGENET, "bilinear"),
    # torchvision's model maps ImageNet's statistics to these itself (transform_input).
    "googlenet": _published("torchvision", 224, 0.875, HALF, "bilinear"),
    "convnext_base": _published("fb_in22k_ft_in1k", 224, 0.875),
    "convnext_large": _published("fb_in22k_ft_in1k", 224, 0.875),
    "convnext_small": _published("in12k_ft_in1k", 224, 0.95),
    "convnext_tiny": _published("in12k_ft_in1k", 224, 0.95),
    "convnext_xlarge": _published("fb_in22k_ft_in1k", 224, 0.875),
    "convnextv2_base": _published("fcmae_ft_in22k_in1k", 224, 0.875),
    "convnextv2_tiny": _published("fcmae_ft_in22k_in1k", 224, 0.875),
    "densenet121": _published("ra_in1k", 224, 0.875),
    "densenet161": _published("tv_in1k", 224, 0.875),
    "densenet169": _published("tv_in1k", 224, 0.875),
    "densenet201": _published("tv_in1k", 224, 0.875),
    "efficientnet_b0": _published("ra_in1k", 224, 0.875),
    "efficientnet_b1": _published("ra4_e3600_r240_in1k", 240, 0.9, HALF),
    "efficientnet_b2": _published("ra_in1k", 256, 0.875),
    "efficientnet_b3": _published("ra2_in1k", 288, 0.875),
    "efficientnet_b4": _published("ra2_in1k", 320, 0.875),
    "efficientnet_b5": _published("sw_in12k_ft_in1k", 448, 1.0),
    "efficientnet_b6": _published(None, 528, 0.942),
    "efficientnet_b7": _published(None, 600, 0.949),
    "efficientnet_lite0": _published("ra_in1k", 224, 0.875),
    "efficientnet_lite1": _published(None, 240, 0.882),
    "efficientnet_lite2": _published(None, 260, 0.89),
    "efficientnet_lite3": _published(None, 300, 0.904),
    "efficientnet_lite4": _published(None, 380, 0.922),
    "efficientnetv2_l": _published(None, 384, 1.0),
    "efficientnetv2_m": _published(None, 320, 1.0),
    "efficientnetv2_s": _published(None, 288, 1.0),
    "resnet101": _published("a1h_in1k", 224, 0.95),
    "resnet152": _published("a1h_in1k", 224, 0.95),
    "resnet18": _published("a1_in1k", 224, 0.95),
    "resnet34": _published("a1_in1k", 224, 0.95),
    "resnet50": _published("a1_in1k", 224, 0.95),
    "resnetv2_50": _published("a1h_in1k", 224, 0.95, HALF),
    "resnext101_32x8d": _published("tv_in1k", 224, 0.875, IMAGENET, "bilinear"),
    "resnext50_32x4d": _published("a1h_in1k", 224, 0.95),
    "senet154": _published("gluon_in1k", 224, 0.875),
    "seresnet101": _published(None, 224, 0.875),
    "seresnet152": _published(None, 224, 0.875),
    "seresnet50": _published("a1_in1k", 224, 0.95),
    "seresnext50_32x4d": _published("racm_in1k", 224, 0.875),
    "swin_base_patch4_window7_224": _published("ms_in22k_ft_in1k", 224, 0.9),
    "swin_small_patch4_window7_224": _published("ms_in22k_ft_in1k", 224, 0.9),
    "swin_tiny_patch4_window7_224": _published("ms_in1k", 224, 0.9),
    "tf_efficientnet_b0": _published("ns_jft_in1k", 224, 0.875),
    "tf_efficientnet_b1": _published("ns_jft_in1k", 240, 0.882),
    "tf_efficientnet_b2": _published("ns_jft_in1k", 260, 0.89),
    "tf_efficientnet_b3": _published("ns_jft_in1k", 300, 0.904),
    "tf_efficientnet_b4": _published("ns_jft_in1k", 380, 0.922),
    "tf_efficientnet_b5": _published("ns_jft_in1k", 456, 0.934),
    "tf_efficientnet_b6": _published("ns_jft_in1k", 528, 0.942),
    "tf_efficientnet_b7": _published("ns_jft_in1k", 600, 0.949),
    "tf_efficientnet_lite0": _published("in1k", 224, 0.875, HALF),
    "tf_efficientnet_lite1": _published("in1k", 240, 0.882, HALF),
    "tf_efficientnet_lite2": _published("in1k", 260, 0.89, HALF),
    "tf_efficientnet_lite3": _published("in1k", 300, 0.904, HALF, "bilinear"),
    "tf_efficientnet_lite4": _published("in1k", 380, 0.92, HALF, "bilinear"),
    "tf_efficientnetv2_l": _published("in21k_ft_in1k", 384, 1.0, HALF),
    "tf_efficientnetv2_m": _published("in21k_ft_in1k", 384, 1.0, HALF),
    "tf_efficientnetv2_s": _published("in21k_ft_in1k", 300, 1.0, HALF),
    "vgg11": _published("tv_in1k", 224, 0.875, IMAGENET, "bilinear"),
    "vgg11_bn": _published("tv_in1k", 224, 0.875, IMAGENET, "bilinear"),
    "vgg13": _published("tv_in1k", 224, 0.875, IMAGENET, "bilinear"),
    "vgg13_bn": _published("tv_in1k", 224, 0.875, IMAGENET, "bilinear"),
    "vgg16": _published("tv_in1k", 224, 0.875, IMAGENET, "bilinear"),
    "vgg16_bn": _published("tv_in1k", 224, 0.875, IMAGENET, "bilinear"),
    "vgg19": _published("tv_in1k", 224, 0.875, IMAGENET, "bilinear"),
    "vgg19_bn": _published("tv_in1k", 224, 0.875, IMAGENET, "bilinear"),
    "vit_base_patch16_224": _published("augreg2_in21k_ft_in1k", 224, 0.9, HALF),
    "vit_base_patch16_384": _published("augreg_in21k_ft_in1k", 384, 1.0, HALF),
    "vit_base_patch16_gap_224": _published(None, 224, 0.9, HALF),
    "vit_base_patch32_224": _published("augreg_in21k_ft_in1k", 224, 0.9, HALF),
    "vit_base_patch32_384": _published("augreg_in21k_ft_in1k", 384, 1.0, HALF),
    "vit_large_patch14_224": _published(None, 224, 0.9, HALF),
    "vit_large_patch16_224": _published("augreg_in21k_ft_in1k", 224, 0.9, HALF),
    "vit_large_patch16_384": _published("augreg_in21k_ft_in1k", 384, 1.0, HALF),
    "vit_small_patch16_224": _published("augreg_in21k_ft_in1k", 224, 0.9, HALF),
    "vit_small_patch16_384": _published("augreg_in21k_ft_in1k", 384, 1.0, HALF),
    "vit_small_patch32_224": _published("augreg_in21k_ft_in1k", 224, 0.9, HALF),
    "vit_small_patch32_384": _published("augreg_in21k_ft_in1k", 384, 1.0, HALF),
    "vit_tiny_patch16_224": _published("augreg_in21k_ft_in1k", 224, 0.9, HALF),
    "vit_tiny_patch16_384": _published("augreg_in21k_ft_in1k", 384, 1.0, HALF),
    "wide_resnet50_2": _published("racm_in1k", 224, 0.875),
}
