"""The model zoo: one file a family, found by being here, and what users register beside it."""

from jaxcnn.models.registry import (
    create_model,
    list_models,
    model_fields,
    model_place,
    model_spec,
    register_model,
)

__all__ = [
    "create_model",
    "list_models",
    "model_fields",
    "model_place",
    "model_spec",
    "register_model",
]
