"""Convolution lowered per platform: XLA's own on GPU and TPU, the fastest measured on CPU.

`conv_general_dilated` takes the arguments of `jax.lax.conv_general_dilated`, returns its result.

    api         the function and its gradients, of any order
    window      how a convolution or a pooling reads its input
    xla         XLA's own convolution: on GPU and TPU, and on CPU where nothing here is faster
    canonical   XLA's gradients, in the one layout that its CPU code is fast in
    cpu         which of the following a CPU takes
    batch_minor few maps of many examples: shifted products, the batch innermost
    depthwise   a group a channel: shifted products
    dots        1x1, and a kernel as large as the input: products of matrices
    patches     the gradient to a dense kernel: products of patches
    grouped     fewer, wider groups
    onednn      what oneDNN does where the work is worth a call
"""

from jaxcnn.ops.conv.api import conv_general_dilated
from jaxcnn.ops.conv.window import (
    Padding,
    Shape,
    Sliding,
    pad_spatial,
    read_offset,
    scatter_offsets,
)

__all__ = [
    "Padding",
    "Shape",
    "Sliding",
    "conv_general_dilated",
    "pad_spatial",
    "read_offset",
    "scatter_offsets",
]
