"""What a TPU chip can do at best, and the time that takes at least."""

from dataclasses import dataclass
from typing import Any

from jaxcnn.errors import UserError

GB, GIB = 1e9, 2**30


@dataclass(frozen=True)
class Chip:
    """A TPU generation.

    Attributes:
        flops_per_second: peak in bfloat16; XLA multiplies float32 in bfloat16 too by default.
        hbm_bytes: memory of a chip.
        hbm_bytes_per_second: its bandwidth.
        source: where these figures stand.
        options: of `jax.experimental.topologies.get_topology_desc`, for one device a chip.
    """

    flops_per_second: float
    hbm_bytes: float
    hbm_bytes_per_second: float
    source: str
    options: tuple[tuple[str, Any], ...] = ()


CHIPS = {
    "v4": Chip(
        275e12,
        32 * GIB,
        1200 * GB,
        "https://cloud.google.com/tpu/docs/v4",
        options=(("chip_config_name", "megacore"),),
    ),
    "v5e": Chip(197e12, 16 * GB, 819 * GB, "https://cloud.google.com/tpu/docs/v5e"),
    "v5p": Chip(459e12, 95 * GB, 2765 * GB, "https://cloud.google.com/tpu/docs/v5p"),
    "v6e": Chip(918e12, 32 * GB, 1638 * GB, "https://docs.cloud.google.com/tpu/docs/v6e"),
}


def chip_of(topology: str) -> Chip:
    """The chips of a topology, `v5e:4x4`. Raises UserError for an unknown generation."""
    generation, _, shape = topology.partition(":")
    if generation not in CHIPS or not shape:
        raise UserError(
            f"--topology={topology} is unknown; give {', '.join(CHIPS)}, a colon and the chips "
            "each way, as in v5e:4x4"
        )
    return CHIPS[generation]


def least_seconds(chip: Chip, flops: float, hbm_bytes: float) -> tuple[float, str]:
    """The roofline's bound on a step, and whether "arithmetic" or "memory" sets it.

    Williams, Waterman and Patterson, 2009, https://doi.org/10.1145/1498765.1498785. Both figures
    are those of one chip. Sending over the interconnect is not in it.
    """
    arithmetic = flops / chip.flops_per_second
    memory = hbm_bytes / chip.hbm_bytes_per_second
    return max((arithmetic, "arithmetic"), (memory, "memory"))
