"""Operations and magnitudes against torchvision's."""

import numpy as np
import pytest

from jaxcnn.data.augment import aug_mix
from jaxcnn.data.augment.operations import COMMON, MIXED, OPERATIONS, SIGNED, USUAL, WIDE
from jaxcnn.data.augment.warp import Sampling
from tests.data.augment.torchvisions import GOLDENS, golden_picture

# Ranges and number of levels of each of torchvision's spaces.
SPACES = {"auto": (USUAL, 10), "usual": (USUAL, 31), "wide": (WIDE, 31), "mixed": (MIXED, 10)}


def entries(kind: str) -> list[list[str]]:
    return [key.split("/")[1:] for key in GOLDENS if key.startswith(f"{kind}/")]


@pytest.mark.parametrize(("space", "operation", "signed"), entries("magnitudes"))
def test_magnitudes_and_signs_are_torchvisions(space, operation, signed):
    ranges, levels = SPACES[space]
    theirs = GOLDENS[f"magnitudes/{space}/{operation}/{signed}"]
    ours = [ranges.value(operation, level / (levels - 1), (224, 224, 3)) for level in range(levels)]
    if len(theirs):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=2e-5)
        if operation in ("TranslateX", "TranslateY"):  # Cut off to whole pixels.
            # torchvision counts in float32, where half of 32 pixels is 15.999999.
            assert [int(v) for v in ours] == theirs.astype(float).round(4).astype(int).tolist()
    assert (operation in SIGNED) == (signed == "signed")


@pytest.mark.parametrize(
    ("space", "operations"), [("usual", COMMON), ("wide", COMMON), ("mixed", aug_mix.OPERATIONS)]
)
def test_policies_draw_from_torchvisions_operations(space, operations):
    theirs = [operation for its_space, operation, _ in entries("magnitudes") if its_space == space]
    assert sorted(operations) == sorted(theirs)


@pytest.mark.parametrize(("space", "operation", "level", "sign", "mode"), entries("images"))
def test_images_are_torchvisions(space, operation, level, sign, mode):
    """Colours to the grey level; warped, as `warp` says, but for ties and borders."""
    ranges, levels = SPACES[space]
    value = int(sign) * ranges.value(operation, int(level) / (levels - 1), golden_picture().shape)
    ours = OPERATIONS[operation](golden_picture(), value, Sampling(mode, (7, 80, 200)))  # pyright: ignore[reportArgumentType]
    theirs = GOLDENS["/".join(["images", space, operation, level, sign, mode])]
    apart = np.abs(ours.astype(int) - theirs).max(axis=2)
    if operation.startswith(("Shear", "Rotate")):
        assert (apart > 1).mean() <= (0.01 if mode == "nearest" else 0.1)
    else:
        assert apart.max() == 0
