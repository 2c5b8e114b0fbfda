"""Why a model gave an image its class: three answers, pure functions of the model's variables.

    maps = grad_cam(model, variables, images, classes)

They take images as the model does, normalised; compile them with `jax.jit`, the model bound by
`functools.partial`.
"""

from jaxcnn.explain.grad_cam import grad_cam
from jaxcnn.explain.integrated_gradients import attributions, integrated_gradients
from jaxcnn.explain.occlusion import occlusion

__all__ = ["attributions", "grad_cam", "integrated_gradients", "occlusion"]
