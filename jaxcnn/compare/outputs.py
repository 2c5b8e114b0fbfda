"""A comparison's folder: compare.md, compare.csv and index.html."""

from pathlib import Path

from jaxcnn.compare import tables
from jaxcnn.compare.candidates import Candidates
from jaxcnn.compare.chart import figure_by_size
from jaxcnn.compare.comparison import Beside, Comparison
from jaxcnn.errors import UserError
from jaxcnn.files import own_files
from jaxcnn.files.paths import expanded
from jaxcnn.report.charts import styled, svg_of
from jaxcnn.report.galleries import Gallery, Line, Picture
from jaxcnn.report.page import rendered
from jaxcnn.report.pictures import data_uri, is_smooth

# Of the images that one has right and another wrong.
MOST_PICTURES = 12


class OutputFolder:
    """Raises UserError where it cannot be: a file of that name, a run's folder, or a link in it."""

    def __init__(self, output: str) -> None:
        self.path = Path(expanded(output))
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"--output={output} is a file; give a folder")
        if (self.path / "recipe.json").exists():
            raise UserError(f"--output={output} is a run's folder; give one of its own")
        files = ("compare.md", "compare.csv", "index.html")
        own_files.refuse_foreign([self.path / name for name in files], [self.path / "linear"])

    def write(self, comparison: Comparison, candidates: Candidates, command: str) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            own_files.write(self.path / "compare.md", tables.markdown_of(comparison, command))
            own_files.write(self.path / "compare.csv", tables.csv_of(comparison))
            page = comparison_page(comparison, candidates, command)
            own_files.write(self.path / "index.html", page)
        except OSError as error:
            raise UserError(f"--output={self.path} cannot be written: {error.strerror}") from error


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
