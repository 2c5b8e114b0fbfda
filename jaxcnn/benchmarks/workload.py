"""What is timed, on either side: plain values, so that they can be sent to another process."""

from dataclasses import dataclass
from typing import Literal

Mode = Literal["train", "infer", "input"]


@dataclass(frozen=True)
class Workload:
    """One model at one batch size.

    Attributes:
        mode: a training step (loss, gradients, SGD with Nesterov momentum), the logits, or the
            batches of an input pipeline.
        image_size: pixels, height and width.
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
