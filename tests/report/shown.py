"""Something to show, made up."""

import numpy as np

from jaxcnn.data.spec import ArraySource
from jaxcnn.engine.evaluate import Evaluation
from jaxcnn.report.shown import Seen, Shown

LINES = [
    {
        "epoch": epoch,
        "step": 10 * epoch,
        "train_loss": 2.0 / epoch,
        "val_loss": 1.5 / epoch,
        "train_sample_loss": 1.4 / epoch,
        "train_top1": 0.3 * epoch,
        "val_top1": 0.3 * epoch,
        "train_sample_top1": 0.32 * epoch,
        "train_OF1": 0.3 * epoch,
        "val_mAP": 0.3 * epoch,
        "train_sample_mAP": 0.32 * epoch,
        "images_per_second": None if epoch == 1 else 1000.0,
    }
    for epoch in (1, 2, 3)
]
STEPS = [{"step": 10 * i, "loss": 1.0, "lr": 0.1 / i, "grad_norm": 5.0 / i} for i in range(1, 4)]


def one_class_shown(num_classes=3, *, n=60, names=None, right=0.6, side=8, channels=3, seed=0):
    """An evaluation of images of one class each, a share of them right."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) % num_classes).astype(np.int32)
    logits = rng.normal(size=(n, num_classes)).astype(np.float32)
    hits = rng.random(n) < right
    logits[np.flatnonzero(hits), labels[hits]] += 9
    misses = np.flatnonzero(~hits)
    logits[misses, (labels[misses] + 1) % num_classes] += 9
    return _shown(labels, logits, names or [f"class {k}" for k in range(num_classes)], side,
                  channels, rng)  # fmt: skip


def several_classes_shown(num_classes=4, *, n=60, names=None, side=8, seed=0):
    rng = np.random.default_rng(seed)
    labels = (rng.random((n, num_classes)) < 0.4).astype(np.uint8)
    logits = rng.normal(size=labels.shape).astype(np.float32) + 2 * labels
    return _shown(labels, logits, names or [f"class {k}" for k in range(num_classes)], side, 3, rng)


def _shown(labels, logits, names, side, channels, rng):
    images = rng.integers(0, 256, (len(labels), side, side, channels), dtype=np.uint8)
    classes = logits.shape[1]
    several = labels.ndim == 2
    counts = labels.sum(0) if several else np.bincount(labels, minlength=classes)
    figures = {"mAP" if several else "top1": 0.0, "loss": 0.0, "n": len(labels)}
    return Shown(
        title="a network on a set",
        subtitle="A training run",
        split="test",
        evaluation=Evaluation(figures, labels, logits),
        images=ArraySource(images, np.zeros(len(labels), np.int32)),
        class_names=names,
        several=several,
        facts=[("network", "a network, 1,000 parameters")],
        command="python -m jaxcnn.train --arch=a",
        recipe=[("arch", "a")],
        lines=LINES,
        steps=STEPS,
        counts={"train": counts, "val": counts},
        seen=Seen(images[:4], np.eye(classes)[np.arange(4) % classes]),
        filters=rng.integers(0, 256, (11, 11, channels), dtype=np.uint8),
        heat_of=lambda indices, asked: rng.random((len(indices), side, side)),
        again=["python -m jaxcnn.evaluate --workdir=a"],
    )
