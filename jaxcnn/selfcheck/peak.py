"""What this device makes of a large matrix product, which models' speed is measured by."""

from jaxcnn.benchmark.peak import matmul_flops
from jaxcnn.selfcheck.outcome import Outcome


def check_peak(precision: str) -> Outcome:
    return Outcome({"flops": matmul_flops(precision)})
