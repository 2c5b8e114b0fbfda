"""Where transformers drop what: timm's places, under names that earlier runs drew by."""

import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

from jaxcnn.layers.attention import SelfAttention
from jaxcnn.layers.dropout import Dropout
from jaxcnn.models import create_model
from jaxcnn.models.spec import init_variables

SMALL = {
    "vit_tiny_patch16_224": ("blocks_0", {"depth": 1, "width": 16, "heads": 2, "image_size": 32}),
    "swin_tiny_patch4_window7_224": ("layers_0_blocks_0", {"stages": (1,), "width": 32}),
}
PLACES = {
    "drop_rate": ["head_drop"],
    "pos_drop_rate": ["Dropout_0"],
    "proj_drop_rate": ["{block}/attn/Dropout_0", "{block}/mlp/Dropout_0", "{block}/mlp/Dropout_1"],
    "attn_drop_rate": ["{block}/attn/attn_drop"],
}


@pytest.mark.parametrize("rate", PLACES)
@pytest.mark.parametrize("name", SMALL)
def test_each_rate_drops_in_its_places(name, rate):
    block, fields = SMALL[name]
    dropping = []

    def record(call, args, kwargs, context):
        if isinstance(context.module, Dropout) and context.module.rate > 0:
            dropping.append("/".join(context.module.path))
        return call(*args, **kwargs)

    model = create_model(name, num_classes=2, **fields, **{rate: 0.5})
    with nn.intercept_methods(record):
        jax.eval_shape(lambda: init_variables(model, jax.random.key(0), (32, 32), 3))
    assert dropping == [place.format(block=block) for place in PLACES[rate]]


def test_a_token_that_sees_none_adds_the_projections_bias():
    x = jax.random.normal(jax.random.key(0), (2, 5, 4))
    module = SelfAttention(2, attn_drop_rate=1.0)
    params = module.init(jax.random.key(1), x, train=False)["params"]
    params = jax.tree.map(lambda leaf: leaf + 0.5, params)
    y = module.apply({"params": params}, x, train=True, rngs={"dropout": jax.random.key(2)})
    assert (y == jnp.broadcast_to(params["proj"]["bias"], y.shape)).all()
    assert (module.apply({"params": params}, x, train=False) != y).any()
