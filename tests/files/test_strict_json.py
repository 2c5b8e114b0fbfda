import json

import pytest

from jaxcnn.files import strict_json


def test_what_is_not_finite_is_null_at_any_depth_and_all_else_is_itself():
    values = {"a": float("nan"), "b": [1, float("inf"), {"c": -float("inf")}], "d": 0.1, "e": "NaN"}
    text = strict_json.dumps(values)
    read = json.loads(text, parse_constant=pytest.fail)
    assert read == {"a": None, "b": [1, None, {"c": None}], "d": 0.1, "e": "NaN"}
