import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from jaxcnn.explain.figure import HeatMap, draw


def test_the_heat_lies_over_the_pixels_it_is_of():
    """The map's only hot cell covers the picture's only bright quarter; the title is as given."""
    picture = np.zeros((8, 8, 1), np.uint8)
    picture[4:, :4] = 255
    values = np.array([[0.0, 0.0], [2.0, 0.0]])
    heat = HeatMap(values, (0, 8, 8, 0), signed=False, unit="logit")
    figure = draw(picture, heat, "5$ a_$b (class 3)")
    assert figure.get_suptitle() == "5$ a_$b (class 3)"
    plain, covered, scale = figure.axes
    assert scale.get_ylabel() == "logit"
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].astype(int)

    def colour(axes, x, y):
        column, from_below = axes.transData.transform((x, y)).astype(int)
        return pixels[pixels.shape[0] - from_below, column]

    assert colour(plain, 2, 6).tolist() == [255, 255, 255]
    brightness = {(x, y): colour(covered, x, y).sum() for x in (2, 6) for y in (2, 6)}
    assert max(brightness, key=brightness.get) == (2, 6)
    assert np.ptp(colour(covered, 6, 2)) < 5  # Nothing speaks there.


def test_one_pixel_far_above_the_others_leaves_them_their_colours():
    values = np.linspace(-1, 1, 400).reshape(20, 20)
    values[3, 4] = 100.0
    heat = HeatMap(values, (0, 20, 20, 0), signed=True, unit="logit")
    drawn = draw(np.zeros((20, 20, 3), np.uint8), heat, "").axes[1].images[-1]
    low, high = drawn.get_clim()
    assert -low == high and 0.9 < high < 1.1


def test_a_map_of_zeros_is_drawn():
    heat = HeatMap(np.zeros((2, 2)), (0, 2, 2, 0), signed=False, unit="logit")
    drawn = draw(np.zeros((2, 2, 1), np.uint8), heat, "").axes[1].images[-1]
    assert drawn.get_clim() == (0.0, 1.0)
