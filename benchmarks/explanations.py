"""How whole integrated gradients are, and which map Grad-CAM's default is, on photographs.

    python -m benchmarks.explanations --pretrained=FILE.pth --images=FOLDER

Photographs are taken evenly from the sorted files below FOLDER, and explained one at a time for the
most probable class. Of integrated gradients it prints how far the values are from adding up to the
logit, the steps that were taken for that, and the seconds, compilation apart. Grad-CAM by default
is compared with that of each stage, of which one is the default, and with that of what the last
convolution gives before its normalisation, which is no stage and is found by its module's name.
"""

import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcnn.command import cli
from jaxcnn.data.sources.picture_files import find_pictures
from jaxcnn.data.sources.pictures import Pictures
from jaxcnn.errors import UserError
from jaxcnn.explain import attributions, grad_cam
from jaxcnn.explain.scores import of_class
from jaxcnn.models.tools.features import features
from jaxcnn.task.mixing import normalize
from jaxcnn.trained.classifier import published_classifier

PROGRAM = "python -m benchmarks.explanations"


@dataclass(frozen=True)
class Options:
    pretrained: str
    """The weights: a .safetensors or .pth file, or hf:timm/NAME."""
    images: str
    """Folder of photographs, in folders of their own or not."""
    arch: str = "efficientnet_lite0"
    """The architecture that they are of."""
    count: int = 50
    """Photographs."""
    convolution: str = "head_conv"
    """Module of the last convolution."""


def grad_cam_of_module(
    name: str, model: nn.Module, variables: Any, images: jax.Array, classes: jax.Array
) -> jax.Array:
    """Grad-CAM of what the module `name` gives, whether that is tapped or not."""

    def score(perturbation: jax.Array | float) -> tuple[jax.Array, jax.Array]:
        maps = []

        def perturbed(call: Any, args: Any, kwargs: Any, context: Any) -> Any:
            given = call(*args, **kwargs)
            if context.module.name != name:
                return given
            maps.append(given + perturbation)
            return maps[-1]

        with nn.intercept_methods(perturbed):
            logits: Any = model.apply(variables, images, train=False)
        return of_class(logits, classes).sum(), maps[-1]

    zeros = jnp.zeros_like(score(0.0)[1])
    gradient, maps = jax.grad(score, has_aux=True)(zeros)
    evidence = nn.relu((gradient.mean((1, 2), keepdims=True) * maps).sum(-1))
    return jax.image.resize(evidence, images.shape[:3], "bilinear")


def correlation(one: jax.Array, other: jax.Array) -> float:
    return float(np.corrcoef(np.ravel(one), np.ravel(other))[0, 1])


def median_and_least(values: list[float]) -> str:
    known = [value for value in values if not np.isnan(value)]
    # A map that is everywhere the same goes with nothing.
    even = f", {len(values) - len(known)} without a map" if len(known) < len(values) else ""
    return f"{statistics.median(known):.3f}, at the least {min(known):.3f}{even}"


def main() -> int:
    def measure() -> int:
        options = cli.parse(Options, sys.argv[1:], program=PROGRAM, description=__doc__)
        cli.set_up(compilation_cache=False)
        paths = find_pictures([options.images])
        most = len(paths)
        if not 1 <= options.count <= most:
            raise UserError(f"--count={options.count} is out of range; it must be 1 to {most}")
        chosen = [paths[i * most // options.count] for i in range(options.count)]
        classifier = published_classifier(options.arch, options.pretrained)
        model, variables = classifier.model, classifier.variables
        mean, std = classifier.preprocessing.mean, classifier.preprocessing.std
        transforms = classifier.transforms
        source = Pictures(chosen, channels=classifier.data.channels, transforms=transforms)
        logits = jax.jit(lambda images: model.apply(variables, images, train=False))
        gradients = jax.jit(partial(attributions, model, variables))
        of_default = jax.jit(partial(grad_cam, model, variables))
        of_last = jax.jit(partial(grad_cam_of_module, options.convolution, model, variables))
        of_stage = jax.jit(partial(grad_cam, model, variables), static_argnames="stage")
        stages = features(model, variables, normalize(source[0]["image"][None], mean, std))
        maps = {
            name: partial(of_stage, stage=name)
            for name, stage in stages.items()
            if stage.values.ndim == 4
        }
        maps[options.convolution] = of_last
        gaps, steps, seconds = [], [], []
        alike: dict[str, list[float]] = {name: [] for name in maps}
        for index in range(len(chosen)):
            images = normalize(source[index]["image"][None], mean, std)
            classes = logits(images).argmax(-1)
            if index == 0:
                jax.block_until_ready(gradients(images, classes))
            start = time.perf_counter()
            found = jax.block_until_ready(gradients(images, classes))
            seconds.append(time.perf_counter() - start)
            gaps.append(float(found.gap[0]))
            steps.append(int(found.steps[0]))
            default = of_default(images, classes)
            for name, explain in maps.items():
                alike[name].append(correlation(default, explain(images, classes)))
        print(f"{options.arch}, {len(chosen)} photographs")
        print(
            f"integrated gradients: missing {statistics.median(gaps):.2%} (median), "
            f"{max(gaps):.2%} (most); {statistics.median(seconds):.1f} s a photograph (median), "
            f"{statistics.fmean(seconds):.1f} s (mean), {max(seconds):.1f} s (most)"
        )
        for number, count in sorted(Counter(steps).items()):
            print(f"  {number} steps: {count}")
        for name, values in alike.items():
            print(f"Grad-CAM by default and of {name}: correlation {median_and_least(values)}")
        return cli.DONE

    return cli.run(PROGRAM, measure)


if __name__ == "__main__":
    cli.start(main)
