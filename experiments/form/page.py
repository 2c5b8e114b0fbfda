"""experiments/RESULTS.md: a row a claim, of what the results' files have.

python -m experiments.form.page
"""

from collections.abc import Sequence
from pathlib import Path

from experiments.form import results
from experiments.form.catalogue import BESIDE, NOT_WRITTEN, claims, first_line
from experiments.form.claim import Claim, Part, overall
from experiments.form.run import HERE
from jaxcnn.text.sheet import markdown

PAGE = HERE / "experiments" / "RESULTS.md"
HEAD = """\
# What the experiments measured

A row a claim of the field's history. Verdicts follow by rule from the measured differences, paired
by seed: *supported* at a p-value below 0.05, corrected for the comparisons of one figure; *not
supported* where the difference is of the other sign at such a p, or its 95 % interval lies below
what the experiment counts as worth having; else *undecided*. Each page has all of a claim, its
figure, and what would decide what is undecided. The networks are small and trained for seconds to
minutes: an answer is one for that setting. Seconds were measured while other jobs shared the
machine.

`python -m experiments` lists the claims, `python -m experiments --all --data-dir=DIR` runs those
that are not done, `python -m experiments.form.page` makes this page of the results' files.

| claim | question | answer | verdict | seconds | command |
|---|---|---|---|---|---|
"""
# Of a verdict; the claim's own page has all.
MOST_PARTS = 2
TAIL = """
Experiments of other forms, with their answers in their files:

"""


def text() -> str:
    rows = [(claim.number, _row(claim)) for claim in claims().values()]
    rows += [
        (number, f"| {number} | {question} | not yet run: {why} | | | |")
        for number, (question, why) in NOT_WRITTEN.items()
    ]
    beside = "".join(f"- `experiments/{name}.py`: {first_line(name)}\n" for name in BESIDE)
    return HEAD + "".join(f"{row}\n" for _, row in sorted(rows)) + TAIL + beside


def _row(claim: Claim) -> str:
    question = markdown(claim.question)
    found = results.read(HERE / results.FOLDER / claim.name)
    if found is None:
        why = "not yet run: written, its runs not made"
        return f"| {claim.number} | {question} | {why} | | | `{claim.command} --data-dir=DIR` |"
    table, made = found
    parts = claim.answer(table)
    page = Path(results.FOLDER.name) / claim.name / results.PAGE
    cells = (
        str(claim.number),
        f"[{question}]({page})",
        _in_a_sentence(parts),
        overall(parts),
        f"{made.seconds:.0f}",
        f"`{made.command}`",
    )
    return f"| {' | '.join(cells)} |"


def _in_a_sentence(parts: Sequence[Part]) -> str:
    """What is borne out, what is not, and what is open: of each the first parts, with figures."""
    groups = []
    for verdict in dict.fromkeys(part.verdict for part in parts):
        of_verdict = [part for part in parts if part.verdict == verdict]
        told = [f"{markdown(p.says)} ({p.measured})" for p in of_verdict[:MOST_PARTS]]
        if (more := len(of_verdict) - MOST_PARTS) > 0:
            told.append(f"and {more} more")
        groups.append(f"**{verdict}**: {', '.join(told)}")
    return "; ".join(groups)


def rebuild() -> None:
    for claim in claims().values():
        folder = HERE / results.FOLDER / claim.name
        if (found := results.read(folder)) is not None:
            results.write_pages(folder, claim, *found)
    PAGE.write_text(text())


if __name__ == "__main__":
    rebuild()
