"""How fast one workload runs on this device, in one number or two."""

from dataclasses import dataclass

from jaxcnn.benchmarks.ours import Ours


@dataclass(frozen=True)
class StepSpeed:
    """What was measured of a workload.

    Attributes:
        mfu: share of `peak_flops` that the model's convolutions and products make.
        program_bytes: device memory that a step takes, by the compiler's account.
        compile_seconds: tracing and compilation.
    """

    images_per_second: float
    mfu: float
    program_bytes: int
    compile_seconds: float


def step_speed(ours: Ours, *, peak_flops: float, steps: int = 20) -> StepSpeed:
    """Times `steps` steps, after one that is not counted; compiles first where that is not done.

    Args:
        ours: `Ours(workload_of("resnet50", 128, precision="bfloat16"))`. Its arrays stay on the
            device for as long as it lives. Several can be compiled ahead, in threads, by asking
            for `ours.compiled`.
        peak_flops: `jaxcnn.benchmarks.peak.matmul_flops("bfloat16")`: FLOP/s of a large product.
    """
    _, *seconds = ours.seconds(1 + steps)
    images_per_second = ours.workload.batch_size / (sum(seconds) / steps)
    return StepSpeed(
        images_per_second,
        mfu=ours.flops_per_image * images_per_second / peak_flops,
        program_bytes=ours.program_bytes,
        compile_seconds=ours.compile_seconds,
    )
