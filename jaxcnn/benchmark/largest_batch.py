"""The largest batch that a device's memory takes."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from jaxcnn.benchmark.ours import Ours
from jaxcnn.benchmark.workload import Workload
from jaxcnn.errors import UserError
from jaxcnn.xla import device_memory
from jaxcnn.xla.device_errors import is_out_of_memory

# Compiled to see what an image takes.
SMALL = (32, 64)


def largest_batch(workload: Workload) -> Ours:
    """The workload with the largest power of two of images that fits, compiled and run once.

    Memory is taken to grow by the same for each image, as it does between the two sizes of `SMALL`.
    What that promises is compiled, run once, and halved until it fits. Raises UserError on a CPU,
    and where not even one image fits.
    """
    limit = device_memory.limit_bytes()
    if limit is None:
        raise UserError("--batch-size=auto fills an accelerator's memory; give a number here")
    few, more = SMALL
    with ThreadPoolExecutor(len(SMALL)) as at_once:
        small = [Ours(replace(workload, batch_size=batch_size)) for batch_size in SMALL]
        few_bytes, more_bytes = at_once.map(lambda ours: ours.program_bytes, small)
    per_image = max((more_bytes - few_bytes) / (more - few), 1)
    room = few + int((limit - few_bytes) / per_image)
    batch_size = 1 << (max(room, 1).bit_length() - 1)
    while batch_size:
        ours = Ours(replace(workload, batch_size=batch_size))
        if _fits(ours, limit):
            return ours
        batch_size //= 2
    raise UserError(
        f"{workload.arch} at {workload.image_size} pixels does not fit into {limit:,} B"
    )


def _fits(ours: Ours, limit: int) -> bool:
    try:
        if ours.program_bytes > limit:
            return False
        ours.seconds(1)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return False
    return True
