"""Writes sources.json: defaults and commands as the sources' own files at a commit have them.

    python tests/recipe/published/make_sources.py FOLDER

FOLDER has a clone of each repository, as OWNER+NAME/repo.
"""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

TIMM = ("huggingface+pytorch-image-models", "7622015258a16e2d9291576e98530495b0d2ade6")
DEIT = ("facebookresearch+deit", "7e160fe43f0252d17191b71cbb5826254114ea5b")
CONVNEXT = ("facebookresearch+ConvNeXt", "048efcea897d999aed302f2639b6270aedf8d4c8")
SWIN = ("microsoft+Swin-Transformer", "3dc2a55301a02d71e956b382b50943a35c4abee9")
BIG_VISION = ("google-research+big_vision", "0127fb6b337ee2a27bf4e54dea79cff176527356")
MMPRETRAIN = ("open-mmlab+mmpretrain", "ee7f2e88501f61aa95c742dd5f429f039935ee90")
DENSENET = ("liuzhuang13+DenseNet", "e3d24fb44997875f6eddc90dfd605e028d052bad")
TORCHVISION = ("pytorch+vision", "5e8e2f125f140d1e908cf424a6a85cacad758125")
TPU = ("tensorflow+tpu", "01b67067be64987e9519b35342ba91d3179daeed")
AUTOML = ("google+automl", "6a54c8741e7c3265d4547c4f35f47a0391122dc5")
GLUON_CV = ("dmlc+gluon-cv", "567775619f3b97d47e7c360748912a4fd883ff52")
WEB_DATA = ("dmlc+web-data", "0818ee5787b3824f1bca2f4bd98ef6abe689f7db")


def text_of(source: tuple[str, str], path: str) -> str:
    repository, commit = source
    show = ["git", f"--git-dir={sys.argv[1]}/{repository}/repo", "show", f"{commit}:{path}"]
    return subprocess.run(show, check=True, capture_output=True, text=True).stdout


def argparse_defaults(text: str) -> dict[str, object]:
    """Of every `add_argument` that has a default or is a switch, and every `set_defaults`."""
    found: dict[str, object] = {}
    for call in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)):
        named = {word.arg: word.value for word in call.keywords if word.arg}
        match getattr(call.func, "attr", ""):
            case "set_defaults":
                found |= {name: ast.literal_eval(value) for name, value in named.items()}
            case "add_argument":
                flags = [ast.literal_eval(flag) for flag in call.args]
                name = next((flag for flag in flags if flag.startswith("--")), flags[0])
                name = name.lstrip("-").replace("-", "_")
                name = ast.literal_eval(named["dest"]) if "dest" in named else name
                if isinstance(named.get("action"), ast.Constant) and "default" not in named:
                    found.setdefault(name, False)
                elif isinstance(named.get("default"), ast.Constant | ast.UnaryOp):
                    found[name] = ast.literal_eval(named["default"])
    return found


def absl_defaults(text: str) -> dict[str, object]:
    """Of every `flags.DEFINE_*` with a default that is a constant."""
    found: dict[str, object] = {}
    for call in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)):
        if getattr(call.func, "attr", "").startswith("DEFINE_"):
            named = {word.arg: word.value for word in call.keywords}
            default = named.get("default", call.args[-1])
            if isinstance(default, ast.Constant):
                found[ast.literal_eval(call.args[0])] = default.value
    return found


def is_literal(node: ast.AST) -> bool:
    return not any(isinstance(part, ast.Call | ast.Name) for part in ast.walk(node))


def words(call: ast.Call) -> dict[str, object]:
    """`f(a=dict(b=1))` as {"a.b": 1}, of values that are constants."""
    found: dict[str, object] = {}
    for word in call.keywords:
        if isinstance(word.value, ast.Call):
            found |= {f"{word.arg}.{name}": value for name, value in words(word.value).items()}
        elif is_literal(word.value):
            found[str(word.arg)] = ast.literal_eval(word.value)
    return found


def assigned(text: str, name: str, within: str = "") -> ast.expr:
    """What is assigned to `name`, in the class or function `within` if there are others."""
    tree: ast.AST = ast.parse(text)
    if within:
        tree = next(node for node in ast.walk(tree) if getattr(node, "name", None) == within)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return node.value
    raise SystemExit(f"nothing is assigned to {name}")


def literal_parts(rows: ast.expr) -> dict[str, list[object]]:
    """A dict of tuples, less the names in them."""
    assert isinstance(rows, ast.Dict)
    return {
        ast.literal_eval(key): [ast.literal_eval(part) for part in row.elts if is_literal(part)]
        for key, row in zip(rows.keys, rows.values, strict=True)
        if key is not None and isinstance(row, ast.Tuple)
    }


def dict_items(rows: ast.expr) -> list[tuple[str, ast.Call]]:
    """Of a dict of calls."""
    assert isinstance(rows, ast.Dict)
    return [
        (ast.literal_eval(key), value)
        for key, value in zip(rows.keys, rows.values, strict=True)
        if key is not None and isinstance(value, ast.Call)
    ]


def weights(text: str) -> dict[str, dict[str, dict[str, object]]]:
    """torchvision's, by model and version: accuracy, sizes and where the recipe stands."""
    found: dict[str, dict[str, dict[str, object]]] = {}
    for enum in (node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)):
        for line in enum.body:
            if not isinstance(line, ast.Assign) or not isinstance(line.value, ast.Call):
                continue
            said: dict[str, object] = {}
            for node in ast.walk(line.value):
                if isinstance(node, ast.keyword) and node.arg in ("crop_size", "resize_size"):
                    said[node.arg] = ast.literal_eval(node.value)
                elif isinstance(node, ast.Dict):
                    for key, value in zip(node.keys, node.values, strict=True):
                        if isinstance(key, ast.Constant) and key.value in ("acc@1", "recipe"):
                            said[key.value] = getattr(value, "value", None)
            model = enum.name.removesuffix("_Weights").lower()
            found.setdefault(model, {})[ast.unparse(line.targets[0])] = said
    return found


def torchvision_commands(text: str) -> list[dict[str, object]]:
    """The first training command of each section, with the models that it is of."""
    found: list[dict[str, object]] = []
    for section in re.split(r"\n#+ ", text):
        flags = commands(section, " train.py")
        if not flags or "test_only" in flags[0]:
            continue
        model = flags[0].pop("model", "$MODEL")
        of_all = re.findall(r"Here `\$MODEL` is (.*?)\.\s", section, flags=re.DOTALL)
        named = re.findall(r"`([^`]+)`", of_all[0]) if of_all else [model]
        found.append({"models": named, **flags[0]})
    return found


def percents(text: str, start: str) -> list[float]:
    """The figures with a percent sign of the first line of a table that begins so."""
    line = next(line for line in text.splitlines() if line.strip(" |*").startswith(start))
    return [float(figure) for figure in re.findall(r"(\d+\.\d+)%", line)]


def assignments(text: str, root: str) -> dict[str, object]:
    """`root.A.B = value` as {"A.B": value}, of values that are constants or calls of dict.

    What is assigned again under a condition, which `ast.walk` comes to later, is passed over.
    """
    found: dict[str, object] = {}
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Assign([ast.Attribute() as target], value):
                name = ast.unparse(target)
            case _:
                continue
        if not name.startswith(f"{root}."):
            continue
        name = name.removeprefix(f"{root}.")
        if isinstance(value, ast.Call) and ast.unparse(value.func) == "dict":
            found = words(value) | found
        elif isinstance(value, ast.Constant | ast.Tuple | ast.UnaryOp):
            found.setdefault(name, ast.literal_eval(value))
    return found


def typed_words(text: str) -> dict[str, object]:
    """`dict(type="A", b=1)` anywhere as {"A.b": 1}; where a dict has no type, as {"b": 1}."""
    found: dict[str, object] = {}
    for call in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)):
        given = {
            word.arg: ast.literal_eval(word.value)
            for word in call.keywords
            if is_literal(word.value)
        }
        kind = given.pop("type", None)
        found |= {f"{kind}.{name}" if kind else str(name): v for name, v in given.items()}
    return found


def argument_default(text: str, function: str, name: str) -> object:
    made = next(node for node in ast.parse(text).body if getattr(node, "name", "") == function)
    assert isinstance(made, ast.FunctionDef)
    # The last arguments have the defaults.
    named = zip(reversed(made.args.args), reversed(made.args.defaults), strict=False)
    return next(ast.literal_eval(default) for argument, default in named if argument.arg == name)


def lua_options(text: str) -> dict[str, object]:
    options = re.findall(r"cmd:option\('-(\w+)',\s*([^,]+),", text)
    return {name: ast.literal_eval(value.strip()) for name, value in options}


def commands(text: str, program: str) -> list[dict[str, str]]:
    """The flags of every command line with `program`, a switch's value "True"."""
    found = []
    for line in re.sub(r"\\ *\n", " ", text).splitlines():
        if program in line:
            flags = re.findall(r"\s--?([A-Za-z][\w-]*)(?:[= ]([^-\s`][^\s`]*))?", line)
            found.append({name.replace("-", "_"): value or "True" for name, value in flags})
    return [command for command in found if command]


def main() -> None:
    config = text_of(BIG_VISION, "big_vision/configs/vit_s16_i1k.py")
    augreg = text_of(BIG_VISION, "big_vision/configs/vit_i1k.py")
    by_variant = next(
        node.value
        for node in ast.walk(assigned(augreg, "aug_setting"))
        if isinstance(node, ast.Subscript)
    )
    tpu = "models/official/efficientnet"
    tpu_readme = text_of(TPU, f"{tpu}/README.md")
    lite_readme = text_of(TPU, f"{tpu}/lite/README.md")
    classification = "references/classification"
    hparams = assigned(text_of(AUTOML, "efficientnetv2/hparams.py"), "base_config")
    imagenet = assigned(text_of(AUTOML, "efficientnetv2/datasets.py"), "cfg", within="ImageNet")
    assert isinstance(hparams, ast.Call) and isinstance(imagenet, ast.Call)
    v2_readme = text_of(AUTOML, "efficientnetv2/README.md")
    logs = "gluoncv/logs/classification/imagenet"
    tables = "docs/model_zoo/csv_tables/Classifications"
    made = {
        "timm": {
            "defaults": argparse_defaults(text_of(TIMM, "train.py")),
            "commands": commands(text_of(TIMM, "README.md"), "distributed_train.sh 2"),
        },
        "deit": {
            "defaults": argparse_defaults(text_of(DEIT, "main.py")),
            "commands": commands(text_of(DEIT, "README_deit.md"), "--nproc_per_node=4"),
        },
        "convnext": {
            "defaults": argparse_defaults(text_of(CONVNEXT, "main.py")),
            "commands": commands(text_of(CONVNEXT, "TRAINING.md"), "run_with_submitit.py"),
        },
        "swin": {
            "defaults": assignments(text_of(SWIN, "config.py"), "_C"),
            "commands": [
                {
                    "model": f"swin_{size}_patch4_window7_224",
                    "DROP_PATH_RATE": re.findall(r"DROP_PATH_RATE: (\S+)", text)[0],
                }
                for size in ("tiny", "small", "base")
                for text in [text_of(SWIN, f"configs/swin_{size}_patch4_window7_224.yaml")]
            ],
        },
        "big_vision": {
            "defaults": assignments(config, "config"),
            "commands": [],
            "randaug": re.findall(r"randaug\((\d+),(\d+)\)", config)[0],
            "augreg": {
                "defaults": assignments(augreg, "config"),
                "by_variant": ast.literal_eval(by_variant),
                "mixup": {
                    name: words(of_setting)["p"]
                    for name, of_setting in dict_items(assigned(augreg, "MIXUP_DEF"))
                },
                "randaug": ast.literal_eval(assigned(augreg, "RANDAUG_DEF")),
            },
        },
        "torchvision": {
            "defaults": argparse_defaults(text_of(TORCHVISION, f"{classification}/train.py")),
            "commands": torchvision_commands(text_of(TORCHVISION, f"{classification}/README.md")),
            "weights": {
                model: of_model
                for file in ("alexnet", "efficientnet", "resnet", "vgg", "vision_transformer")
                for model, of_model in weights(
                    text_of(TORCHVISION, f"torchvision/models/{file}.py")
                ).items()
            },
        },
        "tensorflow_tpu": {
            "defaults": absl_defaults(text_of(TPU, f"{tpu}/main.py")),
            "options": re.findall(r'option "--(\w+=\w+)"', tpu_readme),
            "autoaugment_top1": percents(tpu_readme, "AutoAugment (AA)"),
            "lite_top1": [percents(lite_readme, f"efficientnet-lite{n}")[0] for n in range(5)],
            "lite_params": literal_parts(
                assigned(text_of(TPU, f"{tpu}/lite/efficientnet_lite_builder.py"), "params_dict")
            ),
        },
        "automl": {
            "defaults": words(hparams) | words(imagenet),
            "params": literal_parts(
                assigned(
                    text_of(AUTOML, "efficientnetv2/effnetv2_configs.py"), "efficientnetv2_params"
                )
            ),
            "top1": {size: percents(v2_readme, f"EffNetV2-{size.upper()}")[0] for size in "sml"},
        },
        "gluon_cv": {
            "defaults": argparse_defaults(
                text_of(GLUON_CV, "scripts/classification/imagenet/train_imagenet.py")
            ),
            "commands": [
                command
                for name in ("googlenet_mixup", "resnet50_v2")
                for command in commands(text_of(WEB_DATA, f"{logs}/{name}.sh"), "train_imagenet.py")
            ],
            "dropout_ratio": argument_default(
                text_of(GLUON_CV, "gluoncv/model_zoo/googlenet.py"), "googlenet", "dropout_ratio"
            ),
            "top1": {
                model: float(re.findall(rf"^{model} [^,]*,([\d.]+),", text, re.MULTILINE)[0])
                for model, file in {"GoogLeNet": "Others", "ResNet50_v2": "ResNet"}.items()
                for text in [text_of(GLUON_CV, f"{tables}/{file}.csv")]
            },
        },
        "mmpretrain": {
            name: typed_words(text_of(MMPRETRAIN, f"configs/{path}"))
            for name, path in {
                "lenet5_mnist_5": "lenet/lenet5_mnist.py",
                "rsb_a1": "resnet/resnet50_8xb256-rsb-a1-600e_in1k.py",
                "rsb_a2": "resnet/resnet50_8xb256-rsb-a2-300e_in1k.py",
                "rsb_a3": "resnet/resnet50_8xb256-rsb-a3-100e_in1k.py",
                "rsb": "_base_/schedules/imagenet_bs2048_rsb.py",
                "rsb_a12_images": "_base_/datasets/imagenet_bs256_rsb_a12.py",
                "rsb_a3_images": "_base_/datasets/imagenet_bs256_rsb_a3.py",
            }.items()
        },
        "torch7": {
            "defaults": lua_options(text_of(DENSENET, "opts.lua")),
            "commands": commands(text_of(DENSENET, "README.md"), "th main.lua"),
        },
    }
    path = Path(__file__).with_name("sources.json")
    path.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
