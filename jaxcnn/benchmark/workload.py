"""What is timed, on either side: plain values, so that they can be sent to another process."""

from dataclasses import dataclass
from typing import Literal

from jaxcnn.models import create_model, model_spec

Mode = Literal["train", "infer", "input"]
Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class Workload:
    """One model at one batch size.

    Attributes:
        mode: a training step (loss, gradients, SGD with Nesterov momentum), the logits, or the
            batches of an input pipeline.
        image_size: pixels, height and width.
        precision: compute type; parameters are float32.
    """

    arch: str
    mode: Mode
    batch_size: int
    image_size: int
    channels: int
    num_classes: int
    precision: str = "float32"
    drop_rate: float = 0.0
    drop_path_rate: float = 0.0


def workload_of(
    arch: str,
    batch_size: int,
    *,
    mode: Mode = "train",
    image_size: int | None = None,
    precision: Precision = "float32",
) -> Workload:
    """The workload of an architecture with its own classes, channels and drop rates.

    `image_size` is the architecture's own if not given. Raises UserError for an unknown name.
    """
    spec = model_spec(arch)
    model = create_model(arch, num_classes=spec.num_classes)
    return Workload(
        arch=arch,
        mode=mode,
        batch_size=batch_size,
        image_size=image_size or spec.image_size,
        channels=spec.channels,
        num_classes=spec.num_classes,
        precision=precision,
        drop_rate=getattr(model, "drop_rate", 0.0),
        drop_path_rate=getattr(model, "drop_path_rate", 0.0),
    )
