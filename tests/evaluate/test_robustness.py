"""The paper's figures of what a measure says; no model is measured."""

import io
import json
from statistics import fmean

import numpy as np
import pytest
from PIL import Image

from jaxcnn.data.corrupt.geometry import Rotation, Scale, Shift
from jaxcnn.data.corrupt.noise import GaussianNoise
from jaxcnn.data.corrupt.published import COMMON, CORRUPTIONS, SEVERITIES, corruption
from jaxcnn.errors import UserError
from jaxcnn.evaluate.robustness import ALEXNET, ALEXNET_CLEAN, ALL, read_names, robustness
from jaxcnn.evaluate.robustness_figure import png_of

# ResNet-50's in the paper, table 1 and appendix: corruption errors in percent of AlexNet's, in the
# order of COMMON; clean error, mCE and relative mCE.
RESNET50_CE = (80, 82, 83, 75, 89, 78, 80, 78, 75, 66, 57, 71, 85, 77, 77)
RESNET50_CLEAN, RESNET50_MCE, RESNET50_RELATIVE_MCE = 0.239, 76.7, 105.0


class Measured:
    """A measure that knows each transform's error, and what it was asked."""

    def __init__(self, errors, clean=0.1):
        self.errors, self.clean, self.asked = errors, clean, []

    def __call__(self, transforms):
        self.asked.append(tuple(transforms))
        error = self.errors(*transforms) if transforms else self.clean
        return {"top1": 1 - error, "loss": 2 * error, "n": 50}


def as_in(errors: dict[str, float], side: int = 224):
    """An error for each corruption, the severities a little apart."""
    by_transform = {
        corruption(name, at, side): error + (at - 3) / 100
        for name, error in errors.items()
        for at in SEVERITIES
    }
    return by_transform.__getitem__


def test_clean_images_are_measured_once_then_each_corruption_by_itself():
    measure = Measured(as_in({"fog": 0.3, "snow": 0.4}))
    robustness(measure, ("fog", "snow", "fog"), (1, 5), side=224)
    assert measure.asked == [
        (),
        *[(corruption(name, at, 224),) for name in ("fog", "snow") for at in (1, 5)],
    ]


def test_alexnet_has_mce_1_and_relative_mce_1():
    found = robustness(Measured(as_in(ALEXNET), ALEXNET_CLEAN), COMMON, side=224, of_imagenet=True)
    assert list(ALEXNET) == list(COMMON)
    assert found.mce == pytest.approx(1)
    assert found.relative_mce == pytest.approx(1)


def test_mce_of_resnet50_is_the_papers():
    """As far as its rounded corruption errors tell."""
    errors = {name: ce / 100 * ALEXNET[name] for name, ce in zip(COMMON, RESNET50_CE, strict=True)}
    found = robustness(
        Measured(as_in(errors), RESNET50_CLEAN), side=224, of_imagenet=True, names=COMMON
    )
    assert 100 * found.mce == pytest.approx(RESNET50_MCE, abs=0.5)
    assert 100 * found.relative_mce == pytest.approx(RESNET50_RELATIVE_MCE, abs=1.5)
    assert found.ce("fog") == pytest.approx(0.66)


def test_means_are_over_severities_then_over_the_papers_15():
    errors = {name: 0.2 + index / 100 for index, name in enumerate(CORRUPTIONS)}
    found = robustness(Measured(as_in(errors, 32)), tuple(CORRUPTIONS), side=32)
    assert found.error("spatter") == pytest.approx(errors["spatter"])
    mean = fmean(errors[name] for name in COMMON)
    assert found.mean_error == pytest.approx(mean)
    assert found.relative_error == pytest.approx(mean - 0.1)
    assert found.of_set == "cifar10_c"


@pytest.mark.parametrize(
    "changed",
    [
        {"of_imagenet": False},
        {"names": COMMON[1:]},
        {"severities": (1, 2, 3, 4)},
        {"side": 64},
    ],
)
def test_without_all_of_the_published_conditions_there_is_no_mce(changed):
    asked = {"names": COMMON, "side": 224, "of_imagenet": True, **changed}
    errors = as_in(dict.fromkeys(COMMON, 0.5), asked["side"])
    found = robustness(Measured(errors), **asked)
    assert (found.mce, found.relative_mce) == (None, None)
    assert found.mean_error == pytest.approx(0.5, abs=0.011)


def test_changes_are_measured_by_amount_and_no_change_is_the_clean_images():
    measure = Measured(
        lambda transform: 0.2 + (0.01 * transform.pixels if isinstance(transform, Shift) else 0)
    )
    found = robustness(measure, ("shift", "rotation", "scale"), side=32)
    assert list(found.changed["shift"]) == list(range(9))
    assert list(found.changed["rotation"]) == list(range(-30, 31, 5))
    assert list(found.changed["scale"]) == [0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4]
    assert found.changed["shift"][8]["top1"] == pytest.approx(0.72)
    none = [
        found.changed[name][none] for name, none in (("shift", 0), ("rotation", 0), ("scale", 1))
    ]
    assert none == [found.clean] * 3
    transforms = [asked[0] for asked in measure.asked[1:]]
    assert len(transforms) == 8 + 12 + 7
    assert not {Shift(0), Rotation(0), Scale(1.0)} & {*transforms}


def test_shifts_are_shares_of_the_side():
    def amounts(side):
        found = robustness(Measured(lambda transform: 0.2), ("shift",), side=side)
        return list(found.changed["shift"])

    assert amounts(224) == [0, 7, 14, 21, 28, 35, 42, 49, 56]
    assert amounts(8) == [0, 1, 2]  # Half pixels are none.


def test_what_was_drawn_and_not_photographed_is_said():
    fog, frost = (
        robustness(Measured(as_in({name: 0.5})), (name,), side=224) for name in ("fog", "frost")
    )
    assert not any("frost" in note for note in fog.notes)
    assert any("frost" in note for note in frost.notes)
    assert list(frost.notes) == frost.to_json()["notes"]


def test_json_is_plain_and_says_all():
    errors = as_in(dict.fromkeys(COMMON, 0.5))
    measure = Measured(lambda each: 0.2 if isinstance(each, Shift) else errors(each))
    found = robustness(measure, (*COMMON, "shift"), side=224, of_imagenet=True)
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert told == found.to_json()
    assert told["clean"] == {"top1": 0.9, "loss": 0.2, "n": 50}
    assert told["corruptions"]["fog"]["severities"]["5"]["top1"] == pytest.approx(0.48)
    assert told["corruptions"]["fog"]["ce"] == pytest.approx(0.5 / ALEXNET["fog"])
    assert told["changes"]["shift"]["unit"] == "pixels"
    assert told["changes"]["shift"]["amounts"]["56"]["top1"] == pytest.approx(0.8)
    assert told["mce"] == pytest.approx(found.mce)


def test_rows_are_a_table_of_errors():
    found = robustness(Measured(as_in({"fog": 0.3, "spatter": 0.6})), ("fog", "spatter"), side=224)
    rows = found.rows()
    assert [row["corruption"] for row in rows] == ["clean", "fog", "spatter", "mean of 1"]
    assert {tuple(row) for row in rows} == {
        ("corruption", "1", "2", "3", "4", "5", "error", "relative_error")
    }
    assert rows[1] == pytest.approx(
        {
            "corruption": "fog",
            **{str(at): 0.3 + (at - 3) / 100 for at in SEVERITIES},
            "error": 0.3,
            "relative_error": 0.2,
        }
    )
    assert rows[3] == pytest.approx({**rows[1], "corruption": "mean of 1"})
    assert rows[0]["error"] == pytest.approx(0.1) and rows[0]["5"] is None


def test_an_unknown_name_is_refused_before_anything_is_measured():
    measure = Measured(lambda transform: 0.0)
    with pytest.raises(UserError, match="unknown corruption 'rotate'; did you mean 'rotation'"):
        robustness(measure, ("fog", "rotate"), side=224)
    with pytest.raises(UserError, match="severity 6 of fog is not one of 1 to 5"):
        robustness(measure, ("fog",), (6,), side=224)
    assert not measure.asked


def test_names_are_read_as_they_are_typed():
    assert read_names("all") == ALL and len(ALL) == 22
    assert read_names("common") == COMMON
    assert read_names("fog, shift,fog") == ("fog", "shift")
    with pytest.raises(UserError, match="unknown corruption ''"):
        read_names("fog,")


def test_images_with_several_classes_are_refused():
    with pytest.raises(UserError, match="top-1, which is not among mAP, loss, n"):
        robustness(lambda transforms: {"mAP": 0.5, "loss": 1.0, "n": 9}, ("fog",), side=224)


@pytest.mark.parametrize("names", [ALL, ("fog",), ("scale",), ()])
def test_the_figure_is_a_picture_of_whatever_was_measured(names):
    found = robustness(Measured(lambda transform: 0.3), names, side=224, of_imagenet=True)
    picture = np.asarray(Image.open(io.BytesIO(png_of(found, "resnet50 on $imagenet$"))))
    assert picture.shape[1] == (1440 if names == ALL else 720)
    assert len(np.unique(picture)) > 5


def test_corruptions_are_what_their_names_say():
    assert corruption("gaussian_noise", 5, 224) == GaussianNoise(0.38)
