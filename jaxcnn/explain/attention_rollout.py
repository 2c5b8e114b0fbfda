"""Attention rollout: how much of each patch comes to the output, through all layers' attention.

Abnar & Zuidema, 2020, https://arxiv.org/abs/2005.00928.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.traverse_util import flatten_dict

from jaxcnn.errors import UserError
from jaxcnn.layers.attention import ATTENTION
from jaxcnn.models.spec import Variables
from jaxcnn.models.swin import SwinTransformer
from jaxcnn.models.vit import VisionTransformer


def rollout(weights: Sequence[jax.Array]) -> jax.Array:
    """What share of each output token comes from each input token: [N, L, L], rows sum to 1.

    Equation 1: the product of the layers' (A + I) / 2, the last one on the left; half for the
    shortcut around the attention (section 3). A is the mean over heads.

    weights: of each layer, the first one first, [N, heads, L, L], whose rows sum to 1.
    """
    n, _, tokens, _ = weights[0].shape
    identity = jnp.eye(tokens)
    shares = jnp.broadcast_to(identity, (n, tokens, tokens))
    for layer in weights:
        mixed = (layer.astype(jnp.float32).mean(1) + identity) / 2
        shares = jnp.matmul(mixed, shares, precision="highest")
    return shares


def attention_rollout(model: nn.Module, variables: Variables, images: jax.Array) -> jax.Array:
    """How much of each patch comes to what the head reads: [N, H, W] of the images' size.

    `rollout`'s row of the class token, or the mean of the patches' rows where the head reads their
    mean; the patches' columns, enlarged bilinearly. No class is asked about: it says what was
    looked at, whatever for.

    Args:
        model: a Vision Transformer (`jaxcnn.models.vit`).
        variables: its own.
        images: [N, H, W, C], normalised.

    Raises UserError for any other model. Swin's layers do not make one matrix of tokens by tokens:
    between stages a dense layer makes one token of four, and has no attention weights to multiply.
    """
    if isinstance(model, SwinTransformer):
        raise UserError(
            "attention rollout has no definition for SwinTransformer: between its stages a dense "
            "layer, not attention, makes one token of four; grad_cam takes it"
        )
    if not isinstance(model, VisionTransformer):
        raise UserError(
            f"attention rollout needs a Vision Transformer's attention, and {type(model).__name__} "
            "has none; grad_cam and occlusion need none"
        )
    tapped: Any = model.apply(variables, images, train=False, mutable=[ATTENTION])[1]
    flat: dict[str, Any] = flatten_dict(tapped[ATTENTION], sep="/")
    shares = rollout([flat[f"blocks_{i}/attn/weights"][0] for i in range(model.depth)])
    first = model.num_class_tokens
    read = shares[:, :1] if model.pool == "token" else shares[:, first:]
    n, height, width, _ = images.shape
    of_patches = read.mean(1)[:, first:]
    of_patches = of_patches.reshape(n, height // model.patch, width // model.patch)
    return jax.image.resize(of_patches, (n, height, width), "bilinear")
