"""Why a model gave an image its class, and whether the answer is to be trusted: pure functions of
the model's variables.

    maps = grad_cam(model, variables, images, classes)

They take images as the model does, normalised; compile them with `jax.jit`, the model bound by
`functools.partial`. What else a network shows of itself is in modules of their own:
`first_filters`, `feature_maps`, `most_exciting`, `embedding`; checks in `faithfulness` and
`randomised_weights`, boxes in `boxes`.
"""

from jaxcnn.explain.attention_rollout import attention_rollout
from jaxcnn.explain.grad_cam import grad_cam
from jaxcnn.explain.grad_cam_plus_plus import grad_cam_plus_plus
from jaxcnn.explain.guided_backprop import guided_backprop
from jaxcnn.explain.integrated_gradients import attributions, integrated_gradients
from jaxcnn.explain.occlusion import occlusion
from jaxcnn.explain.score_cam import score_cam
from jaxcnn.explain.smooth_grad import smooth_grad
from jaxcnn.explain.stages import chosen_stage

__all__ = [
    "attention_rollout",
    "attributions",
    "chosen_stage",
    "grad_cam",
    "grad_cam_plus_plus",
    "guided_backprop",
    "integrated_gradients",
    "occlusion",
    "score_cam",
    "smooth_grad",
]
