"""An explanation as a picture."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

# Of a map's values; what is above has the colour of the scale's end.
SHOWN_PERCENT = 99


@dataclass(frozen=True)
class HeatMap:
    """What speaks for a class, and where.

    Attributes:
        values: [H', W'].
        edges: left, right, bottom and top of the map in the picture, whose first pixel is from
            0 to 1 each way.
        signed: whether some values may be negative, and so speak against the class.
        unit: of the values.
        gap: how far the values are from adding up to what they explain, as a share of it; None for
            what does not add up.
        stage: whose maps were read, and its cells each way, as "stage4 (7x7)"; None of what reads
            none.
    """

    values: np.ndarray
    edges: tuple[float, float, float, float]
    signed: bool
    unit: str
    gap: float | None = None
    stage: str | None = None


def draw(picture: np.ndarray, heat: HeatMap, title: str) -> Figure:
    """The picture, uint8 [H, W, C], and beside it the same in grey under its heat map."""
    height, width = picture.shape[:2]
    whole = (0, width, height, 0)
    figure = Figure(figsize=(8, 0.8 + 3.6 * height / width), layout="constrained")
    plain, covered = figure.subplots(1, 2)
    figure.suptitle(title, parse_math=False)  # A dollar in a name is a dollar.
    plain.imshow(picture, cmap="gray", vmin=0, vmax=255, extent=whole)
    covered.imshow(picture.mean(-1), cmap="gray", vmin=0, vmax=255, extent=whole)
    strength = np.abs(heat.values)
    # A few pixels, far above the others, would leave no colour to these. A map of zeros has none.
    most = float(np.percentile(strength, SHOWN_PERCENT) or strength.max() or 1.0)
    shown = covered.imshow(
        heat.values,
        cmap="RdBu_r" if heat.signed else "inferno",
        vmin=-most if heat.signed else 0.0,
        vmax=most,
        alpha=0.6,
        extent=heat.edges,
    )
    covered.set(xlim=(0, width), ylim=(height, 0))
    extend = "both" if heat.signed else "max"
    figure.colorbar(shown, ax=covered, label=heat.unit, extend=extend)
    for axes in (plain, covered):
        axes.axis("off")
    return figure
