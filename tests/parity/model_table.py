"""Writes docs/models.md's table, from the models' own rows: python -m tests.parity.model_table"""

import json
from pathlib import Path

from jaxcnn.models import list_models, model_spec
from jaxcnn.weights.published import WEIGHTS
from tests.parity.measure import FIGURES

PAGE = Path(__file__).parents[2] / "docs/models.md"
START, END = "<!-- model table -->", "<!-- end of model table -->"
HEADER = """\
| model | parameters | GMACs | pixels | paper | published weights | parity |
|---|--:|--:|--:|---|---|--:|"""


def row(name: str, figures: dict[str, float]) -> str:
    spec = model_spec(name)
    published = WEIGHTS.get(name)
    tag = published.tag if published else None
    weights = {None: "", "torchvision": "torchvision"}.get(tag, f"`hf:timm/{name}.{tag}`")
    paper = spec.paper.removeprefix("https://").removeprefix("arxiv.org/abs/")
    parity = f"{figures[name]:.0e}" if name in figures else ""
    return (
        f"| `{name}` | {spec.num_params:,} | {spec.gmacs:.3g} | {spec.image_size} "
        f"| [{paper}]({spec.paper}) | {weights} | {parity} |"
    )


def model_table() -> str:
    figures = json.loads(FIGURES.read_text())
    return "\n".join([HEADER, *(row(name, figures) for name in list_models())])


def in_page(text: str, table: str) -> str:
    """The page's `text` with the table between its two marks."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{table}\n{END}{after}"


def main() -> None:
    PAGE.write_text(in_page(PAGE.read_text(), model_table()))


if __name__ == "__main__":
    main()
