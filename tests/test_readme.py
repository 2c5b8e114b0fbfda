"""What README states of the code is what the code states of itself."""

from tests.parity.model_table import README, in_readme, model_table


def test_the_model_table_is_the_models_own_rows():
    """`python -m tests.parity.model_table` writes it."""
    text = README.read_text()
    assert in_readme(text, model_table()) == text
