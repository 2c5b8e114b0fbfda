"""The models a test runs over, a worker for each: tracing a deep one is done once for all tests."""

import pytest

from jaxcnn.models import list_models


def every_model() -> list:
    return [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in list_models()]
