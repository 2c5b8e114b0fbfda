"""Writes goldens/big_vision_augment.npz: big_vision's own operations, run by TensorFlow 2.15.1.

    pip install tensorflow-cpu==2.15.1 tensorflow-addons==0.23.0 'numpy<2'
    git clone https://github.com/google-research/big_vision; git -C big_vision checkout 0127fb6
    PYTHONPATH=. python tests/parity/training/make_big_vision_goldens.py big_vision

Python 3.11 is the last that these have. Operations run within `tf.data`, as in its training.
"""

import ast
import inspect
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
from cases import BIG_VISION_LEVELS, BIG_VISION_SEEN, CENTRES, GOLDENS, large_picture, picture


def operation_names(module) -> list[str]:
    """`available_ops`, which is local to the function that draws from it."""
    tree = ast.parse(inspect.getsource(module.distort_image_with_randaugment))
    values = {
        node.targets[0].id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    return ast.literal_eval(values["available_ops"])


def main() -> None:
    sys.path.insert(0, str(Path(sys.argv[1]) / "big_vision/pp"))
    import autoaugment  # pyright: ignore[reportMissingImports]

    names = operation_names(autoaugment)
    hparams = autoaugment.HParams(cutout_const=40, translate_const=100)
    sign = 1
    autoaugment._randomly_negate_tensor = lambda value: sign * value

    def changed(name: str, level: int, image: np.ndarray) -> np.ndarray:
        function, _, arguments = autoaugment._parse_policy_info(
            name, 1.0, float(level), [128] * 3, hparams
        )
        centre = iter(CENTRES)
        autoaugment.tf.random_uniform = lambda **_: tf.constant(next(centre))
        dataset = tf.data.Dataset.from_tensors(image).map(lambda x: function(x, *arguments))
        return next(iter(dataset)).numpy()

    found: dict[str, np.ndarray] = {"names": np.array(names)}
    for name in names:
        for sign in (1, -1):
            for level in BIG_VISION_LEVELS:
                arguments = autoaugment.level_to_arg(hparams)[name](float(level))
                found[f"value/{name}/{level}/{sign}"] = np.array(arguments, np.float64)
            for level in BIG_VISION_SEEN:
                found[f"image/{name}/{level}/{sign}"] = changed(name, level, picture())
    sign = 1
    found["contrast_of_a_large_image"] = changed("Contrast", 10, large_picture())
    np.savez_compressed(GOLDENS / "big_vision_augment.npz", **found)


if __name__ == "__main__":
    main()
