"""Writes goldens/: what the authors' programs make of one image, and the numbers in them.

    git clone https://github.com/hendrycks/robustness   # 8190fe3
    pip install numpy==2.4.6 scipy==1.17.1 scikit-image==0.26.0 opencv-python-headless==5.0.0.93 \\
        pillow==13.0.0 wand==0.7.2                      # and ImageMagick 6.9.11-60 Q16
    PYTHONPATH=. python tests/data/corrupt/make_goldens.py robustness/ImageNet-C/create_c

The programs are of 2018: names that their libraries have given up since are replaced by what they
are called now, and numpy.random by a generator that ours are given too, so that both draw the same.
Their functions are run as they are otherwise. Frost needs their photographs, and is left out. The
suite needs none of this.
"""

import ast
import ctypes
import json
import sys
import warnings
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import scipy.ndimage
import skimage.color
import skimage.filters
import skimage.util
import wand.api
import wand.image
from cases import GOLDENS, PROGRAMS, SEVERITIES, picture, rng_for
from PIL import Image

NEW_NAMES = {
    "multichannel=True": "channel_axis=-1",
    "np.float_": "np.float64",
    "np.fromstring": "np.frombuffer",
    ", mode='L'": "",
    "amount=c)": "amount=c, rng=rng)",
    "np.random.randint": "rng.integers",
    "np.random.": "rng.",
}
NOT_OURS = ("auc", "fgsm", "frost")


def functions_of(path: Path) -> tuple[dict, list[str]]:
    """A program's functions by name, and which of them are corruptions."""
    text = path.read_text()
    for old, new in NEW_NAMES.items():
        text = text.replace(old, new)
    names: dict = {
        "np": np,
        "sk": skimage,
        "cv2": cv2,
        "ctypes": ctypes,
        "BytesIO": BytesIO,
        "PILImage": Image,
        "WandImage": wand.image.Image,
        "wandlibrary": wand.api.library,
        "gaussian": skimage.filters.gaussian,
        "scizoom": scipy.ndimage.zoom,
        "map_coordinates": scipy.ndimage.map_coordinates,
    }
    blur = wand.api.library.MagickMotionBlurImage
    blur.argtypes = (ctypes.c_void_p, ctypes.c_double, ctypes.c_double, ctypes.c_double)
    corruptions = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) or getattr(node, "name", "") == "MotionImage":
            exec(ast.unparse(node), names)
            arguments = getattr(getattr(node, "args", None), "args", [])
            if [each.arg for each in arguments][1:] == ["severity"] and node.name not in NOT_OURS:
                corruptions.append(node.name)
    return names, corruptions


def parameters_of(path: Path) -> dict[str, list]:
    """The numbers of each function, by severity: arguments of `c`, or of its numpy.arange."""
    found = {}
    for function in ast.parse(path.read_text()).body:
        if not isinstance(function, ast.FunctionDef) or function.name == "fgsm":
            continue
        known: dict = {}
        for node in function.body:
            if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
                continue
            if node.targets[0].id == "IMSIZE":
                known["IMSIZE"] = ast.literal_eval(node.value)
            if node.targets[0].id == "c":
                rows = [
                    [eval(ast.unparse(each), known) for each in row.args]
                    if isinstance(row, ast.Call)
                    else np.atleast_1d(eval(ast.unparse(row), known)).tolist()
                    for row in node.value.value.elts
                ]
                found[function.name] = rows
    return found


def main() -> None:
    warnings.simplefilter("ignore")
    folder = Path(sys.argv[1])
    arrays, parameters = {}, {}
    for name, (program, side, every) in PROGRAMS.items():
        parameters[name] = parameters_of(folder / program)
        names, corruptions = functions_of(folder / program)
        for corruption in corruptions:
            for severity in SEVERITIES:
                names["rng"] = rng_for(severity)
                out = np.uint8(names[corruption](Image.fromarray(picture(side)), severity))
                assert out.shape == (side, side, 3)
                arrays[f"{name}/{corruption}/{severity}"] = out[::every, ::every]
    GOLDENS.mkdir(exist_ok=True)
    np.savez_compressed(GOLDENS / "images.npz", **arrays)
    (GOLDENS / "parameters.json").write_text(json.dumps(parameters) + "\n")
    print(len(arrays), "images,", (GOLDENS / "images.npz").stat().st_size, "bytes")


if __name__ == "__main__":
    main()
