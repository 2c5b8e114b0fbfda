"""Published recipes are what their sources' own files say; `make_sources.py` reads those."""

import json
from pathlib import Path

import pytest

from jaxcnn.data.augment.progressive import growing
from jaxcnn.models import model_spec
from jaxcnn.recipe import recipe_for
from jaxcnn.recipe.published import PUBLISHED
from jaxcnn.recipe.published.row import Size

SOURCES = json.loads(Path(__file__).with_name("sources.json").read_text())
# Not in the file of the defaults: the machine of a command, and what another file says.
ELSEWHERE = {"gpus", "GPUS", "nesterov", "nEpochs", "dropout_ratio"}
SCRIPTS = {
    "timm": ["efficientnet_b0_ra"],
    "deit": ["deit_300"],
    "convnext": ["convnext_tiny_300"],
    "swin": ["swin_tiny_300"],
    "torch7": ["densenet121_90", "densenet_cifar_300", "wide_resnet50_2_90"],
    "torchvision": [
        "resnet50_90",
        "resnet50_v2_600",
        "resnext50_100",
        "vgg16_90",
        "vgg16_bn_90",
        "efficientnetv2_s_600",
        "vit_base_300",
        "vit_large_600",
    ],
    "tensorflow_tpu": ["efficientnet_aa_350", "efficientnet_lite_350"],
    "gluon_cv": ["googlenet_200", "resnetv2_50_120"],
}
ALIASES = {"b": "batch_size", "wd": "weight_decay"}
OF_TORCHVISION = {
    "efficientnetv2_s": "efficientnet_v2_s",
    "efficientnetv2_m": "efficientnet_v2_m",
    "vit_base_patch16_224": "vit_b_16",
    "vit_base_patch32_224": "vit_b_32",
    "vit_large_patch16_224": "vit_l_16",
}


def fields(name, arch):
    row = PUBLISHED[name]
    return {**row.source.defaults, **row.given, **row.sizes[arch].given}


def plain(value):
    """As a command line has it: numbers by value, True and true alike."""
    text = str(value).lower()
    try:
        return float(text)
    except ValueError:
        return text


@pytest.mark.parametrize("source", SCRIPTS)
def test_a_scripts_defaults_are_its_own(source):
    theirs = {name.rpartition(".")[2]: v for name, v in SOURCES[source]["defaults"].items()}
    for recipe in SCRIPTS[source]:
        ours = PUBLISHED[recipe].source.defaults.items()
        ours = {k.rpartition(".")[2]: v for k, v in ours if k not in ELSEWHERE}
        assert ours.keys() <= theirs.keys()
        for name, value in ours.items():
            if name != "NAME":  # Of a model, a schedule and an optimiser in Swin's.
                assert plain(value) == plain(_as_tuple(theirs[name])), name


def _as_tuple(value):
    return tuple(value) if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("source", "name", "arch", "model"),
    [
        ("timm", "efficientnet_b0_ra", "efficientnet_b0", "efficientnet_b0"),
        ("timm", "efficientnet_b0_ra", "efficientnet_b2", "efficientnet_b2"),
        ("deit", "deit_300", "vit_small_patch16_224", "deit_small_patch16_224"),
        ("deit", "deit_300", "vit_tiny_patch16_224", "deit_tiny_patch16_224"),
        *[
            ("convnext", "convnext_tiny_300", f"convnext_{size}", f"convnext_{size}")
            for size in ("tiny", "small", "base", "large")
        ],
        *[
            ("swin", "swin_tiny_300", f"swin_{size}_patch4_window7_224", None)
            for size in ("tiny", "small", "base")
        ],
        ("torch7", "densenet121_90", "densenet121", "121"),
        ("torch7", "densenet_cifar_300", "densenet_bc_100_k12", "100"),
        ("gluon_cv", "googlenet_200", "googlenet", None),
        ("gluon_cv", "resnetv2_50_120", "resnetv2_50", "resnet50_v2"),
    ],
)
def test_a_recipe_is_its_sources_command(source, name, arch, model):
    model = model or arch
    (command,) = [
        {
            flag if flag in SOURCES[source]["defaults"] else ALIASES.get(flag, flag): value
            for flag, value in command.items()
        }
        for command in SOURCES[source]["commands"]
        if model in (command.get("model"), command.get("depth"))
    ][:1]
    ours = fields(name, arch)
    gpus = int(command.get("nodes", 1)) * int(command.get("ngpus", 1))
    gpus *= int(command.get("nproc_per_node", 1))
    if gpus > 1:
        assert ours["gpus"] == gpus
    shared = (command.keys() & ours.keys()) - {"dataset"}
    assert shared
    for flag in shared:
        assert plain(ours[flag]) == plain(command[flag]), flag
    # And nothing of the recipe's own is made up.
    own = {**PUBLISHED[name].given, **PUBLISHED[name].sizes[arch].given}
    unnamed = own.keys() - command.keys() - {"gpus", "GPUS", "dataset", "BATCH_SIZE"}
    assert unnamed <= {"ACCUMULATION_STEPS", "dropout_ratio"}


@pytest.mark.parametrize(
    ("name", "arch"),
    [(name, arch) for name in SCRIPTS["torchvision"] for arch in PUBLISHED[name].sizes],
)
def test_a_recipe_is_the_command_of_torchvisions_readme(name, arch):
    model = OF_TORCHVISION.get(arch, arch)
    if name == "resnet50_v2_600":
        # An issue has it, not a file; ShuffleNet's is the same.
        model = "shufflenet_v2_x2_0"
    command = {"nproc_per_node": "8"}
    if not arch.endswith("_bn"):  # Of those README says that the defaults train them.
        command = next(c for c in SOURCES["torchvision"]["commands"] if model in c["models"])
    flags = {ALIASES.get(flag, flag): value for flag, value in command.items()}
    ours = fields(name, arch)
    assert ours["gpus"] == int(flags.pop("nproc_per_node"))
    flags.pop("models", None)
    defaults = PUBLISHED[name].source.defaults
    given = {**PUBLISHED[name].given, **PUBLISHED[name].sizes[arch].given}
    own = {field for field, value in given.items() if value != defaults[field]}
    # README has these in words; the weights, which the next test reads, have the latter two too.
    in_words = {f"{what}_size" for what in ("train_crop", "val_crop", "val_resize")}
    if arch.startswith("efficientnetv2"):
        assert all(flags.pop(flag).startswith("$") for flag in in_words)
    elif name == "vit_large_600":
        assert (flags.pop("val_resize_size"), ours["val_resize_size"]) == ("232", 242)
    for flag, value in flags.items():
        assert plain(ours[flag]) == plain(value), flag
    assert own - flags.keys() <= in_words


@pytest.mark.parametrize(
    ("name", "arch"),
    [(name, arch) for name in SCRIPTS["torchvision"] for arch in PUBLISHED[name].sizes],
)
def test_a_recipes_figure_and_evaluation_are_those_of_torchvisions_weights(name, arch):
    version = "IMAGENET1K_V2" if name == "resnet50_v2_600" else "IMAGENET1K_V1"
    weights = SOURCES["torchvision"]["weights"][OF_TORCHVISION.get(arch, arch)][version]
    ours = fields(name, arch)
    assert PUBLISHED[name].sizes[arch].top1 == (weights["acc@1"],)
    assert ours["val_crop_size"] == weights["crop_size"]
    # 256 is the default of what evaluates there.
    assert ours["val_resize_size"] == weights.get("resize_size", 256)
    if name == "resnet50_v2_600":
        assert PUBLISHED[name].sources[0] == weights["recipe"]


@pytest.mark.parametrize("prefix", ["", "tf_"])
def test_efficientnets_recipes_are_the_flags_and_figures_of_its_readmes(prefix):
    made = SOURCES["tensorflow_tpu"]
    row = PUBLISHED["efficientnet_aa_350"]
    assert [f"{flag}={value}" for flag, value in row.given.items()] == [made["options"][0]]
    for size, top1 in enumerate(made["autoaugment_top1"]):
        assert row.sizes[f"{prefix}efficientnet_b{size}"].top1 == (top1,)

    row = PUBLISHED["efficientnet_lite_350"]
    assert row.given == {}
    for size, top1 in enumerate(made["lite_top1"]):
        arch = f"{prefix}efficientnet_lite{size}"
        assert row.sizes[arch] == Size((top1,))
        *_, resolution, dropout = made["lite_params"][f"efficientnet-lite{size}"]
        assert recipe_for(arch, "imagenet2012").image_size == resolution
        # The recipe leaves the network's own.
        assert model_spec(arch).make(num_classes=1000).drop_rate == dropout


def test_efficientnetv2s_recipe_is_its_configuration():
    made = SOURCES["automl"]
    row = PUBLISHED["efficientnetv2_350"]
    assert row.source.defaults.items() <= made["defaults"].items()
    # effnetv2_configs.py gives these to every network.
    assert row.given == {"train.stages": 4, "train.sched": True}
    names = "train.isize eval.isize model.dropout_rate data.ram data.mixup_alpha data.augname"
    for size, top1 in made["top1"].items():
        for prefix in ("", "tf_"):
            arch = f"{prefix}efficientnetv2_{size}"
            ours = fields("efficientnetv2_350", arch)
            _, _, *theirs = made["params"][f"efficientnetv2-{size}"]
            assert [ours[name] for name in names.split()] == theirs
            assert ours["data.cutmix_alpha"] == ours["data.mixup_alpha"]
            assert row.sizes[arch].top1 == (top1,)


def test_efficientnetv2s_sizes_are_those_of_its_stages():
    """main.py: the whole part of ibase + (isize - ibase) * stage / stages."""
    for arch in ("efficientnetv2_s", "efficientnetv2_m", "efficientnetv2_l"):
        recipe = recipe_for(arch, "imagenet2012", recipe="efficientnetv2_350")
        stages = recipe.augment.progressive_stages
        theirs = [int(128 + (recipe.image_size - 128) * (i + 1) / stages) for i in range(stages)]
        ours = growing(recipe.augment.progressive_size, recipe.image_size, stages)
        assert ours[0] == theirs[0] and ours[-1] == theirs[-1]
        assert max(abs(a - b) for a, b in zip(ours, theirs, strict=True)) <= 8


def test_gluon_cvs_figures_are_those_of_its_table():
    made = SOURCES["gluon_cv"]
    googlenet = PUBLISHED["googlenet_200"].sizes["googlenet"]
    assert googlenet.top1 == (made["top1"]["GoogLeNet"],)
    assert googlenet.given["dropout_ratio"] == made["dropout_ratio"]
    resnet = PUBLISHED["resnetv2_50_120"].sizes["resnetv2_50"]
    assert resnet.top1 == (made["top1"]["ResNet50_v2"],)


def test_big_visions_recipe_is_its_configuration():
    theirs = SOURCES["big_vision"]["defaults"]
    ours = fields("vit_small_90", "vit_small_patch16_224")
    named = {"batch_size": "input.batch_size", "mixup": "p"}
    for field, value in ours.items():
        if field not in ("randaug", "value_range", "init_head_bias"):
            assert value == theirs[named.get(field, field)], field
    assert ours["randaug"] == tuple(map(int, SOURCES["big_vision"]["randaug"]))


@pytest.mark.parametrize("arch", PUBLISHED["vit_augreg_300"].sizes)
def test_big_visions_recipe_for_many_sizes_is_its_configuration(arch):
    made = SOURCES["big_vision"]["augreg"]
    ours = fields("vit_augreg_300", arch)
    for field, value in ours.items():
        # A default of the model's.
        if field not in ("randaug", "value_range", "mixup", "posemb"):
            assert value == made["defaults"][{"batch_size": "input.batch_size"}.get(field, field)]
    _, size, patch, _ = arch.split("_")
    setting = made["by_variant"][f"{size.capitalize()[: 2 if size == 'tiny' else 1]}/{patch[5:]}"]
    assert ours["mixup"] == made["mixup"][setting]
    assert f"randaug({','.join(map(str, ours['randaug']))})" == made["randaug"][setting]


@pytest.mark.parametrize("name", ["rsb_a1", "rsb_a2", "rsb_a3"])
def test_resnet_strikes_back_is_mmpretrains_but_for_what_its_table_says(name):
    images = "rsb_a3_images" if name == "rsb_a3" else "rsb_a12_images"
    made = SOURCES["mmpretrain"]
    theirs = {**made["rsb"], **made[images], **made[name]}
    ours = fields(name, "resnet50")
    assert ours["epochs"] == theirs["max_epochs"]
    assert ours["lr"] == theirs.get("lr", theirs["Lamb.lr"])
    assert ours["weight_decay"] == theirs.get("weight_decay", theirs["Lamb.weight_decay"])
    assert 1 / ours["warmup_from_one_in"] == theirs["LinearLR.start_factor"]
    assert ours["warmup_epochs"] == theirs["LinearLR.end"]
    assert ours["eta_min"] == theirs["CosineAnnealingLR.eta_min"]
    assert ours["drop_path"] == theirs.get("drop_path_rate")
    assert ours["label_smoothing"] == theirs.get("LabelSmoothLoss.label_smooth_val")
    assert ours["repeated_aug"] == ("RepeatAugSampler.shuffle" in theirs)
    assert (ours["mixup_alpha"], ours["cutmix_alpha"]) == (
        theirs["Mixup.alpha"],
        theirs["CutMix.alpha"],
    )
    level, std = theirs["RandAugment.magnitude_level"], theirs["RandAugment.magnitude_std"]
    assert ours["rand_augment"] == f"{level}/{std}"
    assert ours["interpolation"] == theirs["RandomResizedCrop.interpolation"]
    assert round(224 / ours["test_crop_ratio"]) == theirs["ResizeEdge.scale"]


def test_lenet_is_mmpretrains():
    theirs = SOURCES["mmpretrain"]["lenet5_mnist_5"]
    ours = fields("lenet5_mnist_5", "lenet5")
    assert ours["batch_size"] == theirs["batch_size"] and ours["max_epochs"] == theirs["max_epochs"]
    for name in ("lr", "momentum", "weight_decay"):
        assert ours[name] == theirs[f"SGD.{name}"]
    assert list(ours["milestones"]) == theirs["MultiStepLR.milestones"]
    assert ours["Resize"] == theirs["Resize.scale"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_no_field_that_a_recipe_gives_is_passed_over(name):
    row = PUBLISHED[name]
    for arch, size in row.sizes.items():
        spoken_of = {field for entry in row.pairs(arch) for field in entry.theirs}
        assert row.given.keys() | size.given.keys() <= spoken_of


# Each read from its source by hand, before a program did.
BY_HAND = {
    ("resnet50_90", "resnet50"): {
        "epochs": 90,
        "batch_size": 256,
        "optim.lr": 0.1,
        "optim.nesterov": False,
        "optim.decay": "all",
        "schedule.milestones": (1 / 3, 2 / 3),
    },
    ("resnet50_v2_600", "resnet50"): {
        "epochs": 600,
        "batch_size": 1024,
        "image_size": 176,
        "eval_image_size": 224,
        "optim.lr": 0.5,
        "optim.weight_decay": 2e-5,
        "optim.decay": "kernels",
        # 1 - 2e-5 * 1024 * 32 / 600 every 32 steps.
        "optim.ema_decay": pytest.approx(1 - 2e-5 * 1024 / 600, abs=1e-7),
        "schedule.warmup_lr": 0.005,
        "augment.repeats": 4,
        "augment.policy": "trivialaugment",
    },
    ("efficientnetv2_s_600", "efficientnetv2_m"): {
        "image_size": 384,
        "eval_image_size": 480,
        "eval_crop": 1.0,
    },
    ("resnet50_goyal_90", "resnet50"): {
        "optim.lr": 3.2,
        "schedule.warmup_lr": 0.1,
        "schedule.milestones": (30 / 90, 60 / 90, 80 / 90),
    },
    ("rsb_a2", "resnet50"): {
        "batch_size": 2016,
        "loss": "bce",
        "bce_threshold": 0.2,
        "optim.name": "lamb",
        "schedule.warmup_lr": 5e-7,
        "augment.policy": "rand-m7-mstd0.5-inc1",
        "model.drop_path_rate": 0.05,
    },
    ("efficientnet_b0_ra", "efficientnet_b0"): {
        "batch_size": 768,
        "optim.name": "rmsprop",
        "optim.lr": 0.048,
        "schedule.warmup_epochs": 3.0,
        # 0.97 every 2.4 epochs: 187.5 times in 450.
        "schedule.factor": pytest.approx(0.97**187.5),
        "augment.label_smoothing": 0.1,
        "augment.interpolation": "random",
        "augment.erase": "timm",
    },
    ("senet_100", "seresnet50"): {
        "batch_size": 1024,
        "optim.lr": 0.6,
        "optim.nesterov": False,
        "schedule.milestones": (0.3, 0.6, 0.9),
    },
    ("senet_100", "senet154"): {
        "batch_size": 2048,
        "optim.lr": 1.0,
        "augment.label_smoothing": 0.1,
    },
    ("googlenet_200", "googlenet"): {
        "epochs": 200,
        "batch_size": 1024,
        "precision": "bfloat16",
        "optim.lr": 0.4,
        "optim.nesterov": True,
        "optim.decay": "kernels",
        "schedule.warmup_epochs": 5.0,
        "augment.color_jitter": 0.4,
        "augment.lighting": 0.1,
        "augment.mixup": 0.2,
        "augment.label_smoothing": 0.1,
        "model.drop_rate": 0.4,
    },
    ("resnetv2_50_120", "resnetv2_50"): {
        "epochs": 120,
        "precision": "float32",
        "optim.decay": "all",
        "augment.mixup": 0.0,
        "augment.label_smoothing": 0.0,
    },
    ("efficientnetv2_350", "efficientnetv2_l"): {
        "batch_size": 4096,
        "image_size": 384,
        "eval_image_size": 480,
        "optim.lr": 0.256,
        "optim.ema_decay": 0.9999,
        "schedule.factor": pytest.approx(0.97 ** (350 / 2.4)),
        "augment.progressive_size": 192,
        "augment.policy": "randaugment_big_vision",
        "augment.magnitude": 20,
        "augment.mixup": 0.5,
        "augment.cutmix": 0.5,
        "model.drop_rate": 0.4,
        "model.drop_path_rate": 0.2,
    },
    ("efficientnet_lite_350", "efficientnet_lite4"): {
        "epochs": 350,
        "optim.name": "rmsprop",
        "optim.lr": 0.128,
        "augment.policy": None,
        "augment.interpolation": "bicubic",
    },
    ("vit_augreg_300", "vit_small_patch32_224"): {
        "batch_size": 4096,
        "loss": "bce",
        # Of the sum over 1,000 classes it is 1.
        "optim.clip_norm": pytest.approx(1e-3),
        "optim.weight_decay": pytest.approx(0.1),
        "augment.magnitude": 15,
        "augment.mixup": 0.2,
        "model.pool": "token",
    },
    ("efficientnet_aa_350", "efficientnet_b7"): {
        "epochs": 350,
        "batch_size": 2048,
        "optim.lr": 0.128,
        "schedule.factor": pytest.approx(0.97 ** (350 / 2.4)),
    },
    ("convnext_tiny_300", "convnext_large"): {
        "batch_size": 4096,
        "optim.lr": 4e-3,
        "schedule.min_lr": 1e-6,
        "model.drop_path_rate": 0.5,
    },
    ("swin_tiny_300", "swin_base_patch4_window7_224"): {
        "batch_size": 1024,
        "optim.lr": 1e-3,
        "optim.clip_norm": 5.0,
        "schedule.warmup_lr": 1e-6,
        "schedule.min_lr": 1e-5,
        "model.drop_path_rate": 0.5,
    },
    ("deit_300", "vit_base_patch16_224"): {
        # 1,024 is not three times a whole number.
        "batch_size": 1008,
        "augment.repeats": 3,
        "optim.lr": 1e-3,
        "optim.weight_decay": 0.05,
    },
    ("vit_small_90", "vit_small_patch16_224"): {
        "optim.weight_decay": pytest.approx(0.1),
        "model.pool": "gap",
        "model.positions": "sincos",
        "model.pre_logits": True,
        "augment.policy": "randaugment_big_vision",
        "augment.magnitude": 10,
    },
    ("resnet_cifar_164", "resnet110"): {
        "batch_size": 128,
        "schedule.milestones": (0.5, 0.75),
        "schedule.warmup_lr": 0.01,
        "augment.crop_padding": 4,
    },
    ("densenet_cifar_300", "densenet_40_k12"): {
        "batch_size": 64,
        "optim.nesterov": True,
        "schedule.milestones": (0.5, 0.75),
    },
    ("airbench94", "airbench94"): {
        "batch_size": 2000,
        "optim.lr": 0.24,
        "optim.momentum": 0.6,
        "optim.fixed_norm": True,
        "schedule.name": "linear",
        "augment.label_smoothing": 0.2,
        "augment.crop_padding": 2,
        "augment.padding": "reflect",
        "augment.flip_alternates": True,
    },
    ("densenet121_90", "densenet161"): {"augment.color_jitter": 0.4, "augment.lighting": 0.1},
}


@pytest.mark.parametrize(("name", "arch"), BY_HAND)
def test_settings_are_those_that_a_reader_of_the_source_finds(name, arch):
    settings = PUBLISHED[name].settings(arch)
    expected = BY_HAND[name, arch]
    assert {field: settings[field] for field in expected} == expected
