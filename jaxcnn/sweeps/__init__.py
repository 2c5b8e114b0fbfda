"""Recipes x seeds -> mean, interval, paired comparison: before a claim is believed."""

from jaxcnn.metrics import holm
from jaxcnn.sweeps.runs import sweep
from jaxcnn.sweeps.statistics import Comparison, Estimate, compared, estimate
from jaxcnn.sweeps.tables import table

__all__ = ["Comparison", "Estimate", "compared", "estimate", "holm", "sweep", "table"]
