"""How many photographs a second are decoded, cropped, mirrored and made into batches here."""

import tempfile
from pathlib import Path

import cv2
import numpy as np

from jaxcnn.benchmark.input import time_input
from jaxcnn.recipe import Augment, Recipe
from jaxcnn.selfcheck.outcome import Outcome

# ImageNet's photographs are 500 x 375 in the mean.
HEIGHT, WIDTH, PICTURES = 375, 500, 96


def check_input(rounds: int = 3, pictures: int = PICTURES, batch_size: int = 64) -> Outcome:
    """Of JPEG pictures that it draws, brought to 224 pixels as for ImageNet."""
    with tempfile.TemporaryDirectory() as folder:
        draw_pictures(Path(folder), pictures)
        recipe = Recipe(
            "resnet50",
            "image_folder",
            data_dir=folder,
            batch_size=batch_size,
            image_size=224,
            resize="crop",
            augment=Augment(flip=True),
        )
        figures = time_input(recipe, rounds=rounds)
    return Outcome({"pixels": f"{WIDTH}x{HEIGHT}", "workers": recipe.workers, **figures["ours"]})


def draw_pictures(folder: Path, count: int) -> None:
    """JPEG files of two classes, of smooth noise: about as many bytes as a photograph has."""
    rng = np.random.default_rng(0)
    for number in range(count):
        coarse = rng.integers(0, 256, (HEIGHT // 25, WIDTH // 25, 3), dtype=np.uint8)
        picture = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        noise = rng.integers(-16, 16, picture.shape)
        picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
        path = folder / f"class{number % 2}" / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), picture)
