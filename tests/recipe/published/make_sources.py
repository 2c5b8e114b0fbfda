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
                if isinstance(named.get("action"), ast.Constant) and "default" not in named:
                    found.setdefault(name, False)
                elif isinstance(named.get("default"), ast.Constant | ast.UnaryOp):
                    found[name] = ast.literal_eval(named["default"])
    return found


def assignments(text: str, root: str) -> dict[str, object]:
    """`root.A.B = value` as {"A.B": value}, of values that are constants or calls of dict."""
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
            found |= {word.arg: ast.literal_eval(word.value) for word in value.keywords if word.arg}
        elif isinstance(value, ast.Constant | ast.Tuple | ast.UnaryOp):
            found[name] = ast.literal_eval(value)
    return found


def typed_words(text: str) -> dict[str, object]:
    """`dict(type="A", b=1)` anywhere as {"A.b": 1}; where a dict has no type, as {"b": 1}."""
    found: dict[str, object] = {}
    for call in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)):
        words = {
            word.arg: ast.literal_eval(word.value)
            for word in call.keywords
            if not any(isinstance(part, ast.Call | ast.Name) for part in ast.walk(word.value))
        }
        kind = words.pop("type", None)
        found |= {f"{kind}.{name}" if kind else str(name): v for name, v in words.items()}
    return found


def lua_options(text: str) -> dict[str, object]:
    options = re.findall(r"cmd:option\('-(\w+)',\s*([^,]+),", text)
    return {name: ast.literal_eval(value.strip()) for name, value in options}


def commands(text: str, program: str) -> list[dict[str, str]]:
    """The flags of every command line with `program`, a switch's value "True"."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        if program in line:
            flags = re.findall(r"\s--?([A-Za-z][\w-]*)(?:[= ]([^-\s`][^\s`]*))?", line)
            found.append({name.replace("-", "_"): value or "True" for name, value in flags})
    return [command for command in found if command]


def main() -> None:
    config = text_of(BIG_VISION, "big_vision/configs/vit_s16_i1k.py")
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
