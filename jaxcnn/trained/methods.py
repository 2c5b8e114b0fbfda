"""The ways to explain that --explain takes."""

from typing import Literal

Method = Literal[
    "grad_cam",
    "grad_cam_plus_plus",
    "score_cam",
    "integrated_gradients",
    "smooth_grad",
    "guided_backprop",
    "occlusion",
    "attention_rollout",
]
# Those that read the maps of a stage, and so have to say which.
OF_A_STAGE: tuple[Method, ...] = ("grad_cam", "grad_cam_plus_plus", "score_cam")
