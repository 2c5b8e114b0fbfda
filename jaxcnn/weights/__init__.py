"""Weights of other libraries in our parameter trees, and ours in theirs."""

from jaxcnn.weights.dialects import from_torch
from jaxcnn.weights.torch_names import to_torch

__all__ = ["from_torch", "to_torch"]
