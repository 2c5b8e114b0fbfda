"""Initial kernels under which ReLUs keep a signal's size: normal, with variance 2 / fan.

He et al., 2015, https://arxiv.org/abs/1502.01852. Not cut off at two deviations, as
`flax.linen.initializers.he_normal` is.
"""

from flax import linen as nn

# Keeps that of the activations (equation 10).
he_normal_fan_in = nn.initializers.variance_scaling(2.0, "fan_in", "normal")
# Keeps that of the gradients (equation 14); what torchvision and timm have.
he_normal_fan_out = nn.initializers.variance_scaling(2.0, "fan_out", "normal")
