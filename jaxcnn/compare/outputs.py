"""A comparison's folder: compare.md, compare.csv and index.html."""

from jaxcnn.compare.chart import figure_by_size
from jaxcnn.comparison import tables
from jaxcnn.comparison.candidates import Candidates
from jaxcnn.comparison.comparison import Beside, Comparison
from jaxcnn.report.charts import styled, svg_of
from jaxcnn.report.galleries import Gallery, Line, Picture
from jaxcnn.report.page import rendered
from jaxcnn.report.pictures import data_uri, is_smooth

PAGE = "index.html"
FILES = ("compare.md", "compare.csv", PAGE)
# Of the images that one has right and another wrong.
MOST_PICTURES = 12


def contents_of(comparison: Comparison, candidates: Candidates, command: str) -> dict[str, str]:
    """The folder's files by name."""
    return {
        "compare.md": tables.markdown_of(comparison, command),
        "compare.csv": tables.csv_of(comparison),
        PAGE: comparison_page(comparison, candidates, command),
    }


def comparison_page(comparison: Comparison, candidates: Candidates, command: str) -> str:
    """The page as HTML."""
    with styled():
        chart = svg_of(figure_by_size(comparison))
    galleries = [
        gallery
        for each in comparison.beside
        for gallery in _galleries(each, comparison, candidates)
    ]
    return rendered(
        "tables.html",
        title=f"Compared on {candidates.dataset}",
        subtitle=f"{comparison.rows[0].figures.n:,} images of the {comparison.split} split",
        command=command,
        charts=[{"svg": chart, "caption": "Bars: 95 % intervals."}],
        tables=[
            {"title": "Each by itself", "rows": tables.figures(comparison), "notes": []},
            {
                "title": f"Beside {comparison.rows[0].candidate.name}",
                "rows": tables.differences(comparison),
                "notes": [tables.NOTES[comparison.split]],
            },
        ],
        picture=None,
        galleries=galleries,
    )


def _galleries(each: Beside, comparison: Comparison, candidates: Candidates) -> list[Gallery]:
    first = comparison.rows[0].candidate
    (other,) = (row.candidate for row in comparison.rows if row.candidate.name == each.name)
    found = []
    for indices, right, wrong in ((each.better, other, first), (each.worse, first, other)):
        if not indices or right.params is None or wrong.params is None:
            continue
        pictures = []
        for index in indices[:MOST_PICTURES]:
            image = candidates.images[index]["image"]
            true, taken = (_name(candidates, int(one.logits[index].argmax()))
                           for one in (right, wrong))  # fmt: skip
            lines = [Line(true, "right"), Line(f"{wrong.name}: {taken}", "tag")]
            pictures.append(Picture(data_uri(image), true, lines, is_smooth(image)))
        title = f"{right.name} is right, {wrong.name} wrong"
        says = f"{len(indices):,} images; those first of which {wrong.name} is surest."
        found.append(Gallery(title, says, pictures))
    return found


def _name(candidates: Candidates, k: int) -> str:
    return candidates.class_names[k] if candidates.class_names else f"class {k}"
