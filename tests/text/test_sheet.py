import pytest

from jaxcnn.text.sheet import markdown, sheet_cell


@pytest.mark.parametrize("name", ["=cmd()", "+1", "-1", "@x", " =cmd()"])
def test_no_name_is_a_formula(name):
    assert sheet_cell(name) == f"'{name}"


def test_other_names_stay_as_they_are_and_on_one_line():
    assert sheet_cell("optim.lr=0.1, 猫") == "optim.lr=0.1, 猫"
    assert sheet_cell("a\n=b\x1b") == "a\\n=b\\x1b" and sheet_cell("\t=b") == "\\t=b"


def test_a_name_ends_no_cell_of_markdown_and_is_no_markup():
    assert markdown("a|b_c <b> `d`\n") == "a\\|b\\_c \\<b\\> \\`d\\`\\\\n"
