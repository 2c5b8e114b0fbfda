import pytest

from jaxcnn.errors import UserError
from jaxcnn.files.typed_text import from_text, text_of


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (bool, "False", False),
        (int, "3", 3),
        (float, "3", 3.0),
        (float, "1e-3", 1e-3),
        (int | None, "none", None),
        (str, "3", "3"),
        (str | None, "none", None),
        (tuple[int, int], "3,8", (3, 8)),
        (tuple[int, ...], "3", (3,)),
        (tuple[int, ...], "", ()),
        (tuple[int, ...], "(3, 8)", (3, 8)),
        (tuple[str, str], "ab,abc", ("ab", "abc")),
        (tuple[int | None, ...], "3,none", (3, None)),
        (tuple[tuple[int, ...], ...], "[[1,2],[3]]", ((1, 2), (3,))),
        (tuple[int, str], "[3, 'x']", (3, "x")),
    ],
)
def test_a_text_means_what_its_type_says(kind, text, value):
    found = from_text(kind, text, "it")
    assert found == value and type(found) is type(value)
    assert from_text(kind, text_of(found), "it") == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [(bool, "1"), (int, "3.5"), (float, "nan"), (tuple[int, int], "3"), (int, "[" * 9_000)],
)
def test_what_means_nothing_is_refused(kind, text):
    with pytest.raises(UserError, match="it is '.*', not "):
        from_text(kind, text, "it")
