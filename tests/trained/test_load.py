"""`jaxcnn.load`: a run or published weights, and pictures however a program has them."""

import cv2
import jax
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

import jaxcnn
from jaxcnn.models import create_model
from jaxcnn.models.spec import init_variables
from jaxcnn.weights import to_torch

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(256, size=(41, 8, 8, 1), dtype=np.uint8)


def saved(arch, num_classes, channels, path, *, scale=1):
    """Weights as they are drawn, those of the head larger, so that pictures are told apart."""
    model = create_model(arch, num_classes=num_classes)
    variables = jax.jit(lambda key: init_variables(model, key, (32, 32), channels))(
        jax.random.key(0)
    )
    head = variables["params"]["head"]
    head["kernel"] = RNG.normal(size=head["kernel"].shape).astype(np.float32) * scale
    save_file(to_torch(arch, variables), path)
    return path


@pytest.fixture(scope="module")
def clf(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    path = saved("lenet5", 10, 1, folder / "w.safetensors", scale=100)
    return jaxcnn.load(path, arch="lenet5", dataset="digits")


def test_however_pictures_are_given_they_have_the_same_probabilities(clf, tmp_path):
    for index, picture in enumerate(PICTURES):
        cv2.imwrite(str(tmp_path / f"{index:02}.png"), picture)
    expected = clf(PICTURES)
    assert expected.shape == (41, 10) and expected.dtype == np.float32
    assert expected.sum(-1) == pytest.approx(np.ones(41), rel=1e-5)
    assert np.ptp(expected, axis=0).max() > 0.01  # So that they can be told apart.
    first = tmp_path / "00.png"
    pillow = [Image.fromarray(picture[..., 0]) for picture in PICTURES]
    coloured = PICTURES.repeat(3, axis=-1)
    of_all = [tmp_path, pillow, list(PICTURES), coloured, jax.numpy.asarray(PICTURES)]
    of_all += [[first, pillow[1], [str(tmp_path / "02.png"), PICTURES[3, ..., 0]], PICTURES[4:]]]
    for given in of_all:
        assert clf(given) == pytest.approx(expected, rel=1e-5)
    for given in (first, str(first), pillow[0], PICTURES[0], PICTURES[:1], PICTURES[0, ..., 0]):
        assert clf(given) == pytest.approx(expected[:1], rel=1e-5)


def test_three_programs_serve_whatever_number_there_is(clf):
    for number in (1, 2, 5, 8, 9, 30, 32, 40, 41):
        assert len(clf(PICTURES[:number])) == number
    assert clf.probabilities_of._cache_size() == 3


def test_names_come_with_the_most_probable_first(clf):
    probabilities = clf(PICTURES[:3])
    for row, top in zip(probabilities, clf.top(PICTURES[:3], k=4), strict=True):
        assert [name for name, _ in top] == [
            clf.class_names[index] for index in np.argsort(-row)[:4]
        ]
        assert [chance for _, chance in top] == pytest.approx(np.sort(row)[::-1][:4])
    with pytest.raises(jaxcnn.UserError, match="k = 0 is out of range"):
        clf.top(PICTURES, k=0)


def test_features_are_what_the_head_reads(clf):
    found = clf.features(PICTURES)
    head = clf.variables["params"]["head"]
    logits = found @ np.asarray(head["kernel"]) + np.asarray(head["bias"])
    assert jax.nn.softmax(logits) == pytest.approx(clf(PICTURES), rel=1e-4)
    assert clf.features(PICTURES[:2], stage="stage1").shape == (2, 6)
    with pytest.raises(jaxcnn.UserError, match="no stage 'stage9'; it has stage1, .*pooled"):
        clf.features(PICTURES, stage="stage9")


def test_a_map_is_of_the_class_that_is_asked_for(clf):
    most = clf(PICTURES[:3]).argmax(-1)
    maps = clf.explain(PICTURES[:3])
    assert maps.shape == (3, 32, 32) and maps.dtype == np.float32
    assert maps == pytest.approx(clf.explain(PICTURES[:3], classes=most.tolist()))
    other = (most + 1) % 10
    of_other = clf.explain(PICTURES[:3], classes=other)
    names = [clf.class_names[k] for k in other]
    assert of_other == pytest.approx(clf.explain(PICTURES[:3], classes=names))
    assert np.abs(of_other - maps).max() > 1e-3


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (10, "there is no class 10; they go from 0 to 9"),
        ("eleven", "unknown class 'eleven'"),
        ([1, 2], "there are 2 classes for 3 pictures; give one, or one for each"),
    ],
)
def test_a_class_that_is_not_there_is_refused(clf, classes, message):
    with pytest.raises(jaxcnn.UserError, match=message):
        clf.explain(PICTURES[:3], classes=classes)
    with pytest.raises(jaxcnn.UserError, match="no method 'gradcam'; there are grad_cam,"):
        clf.explain(PICTURES[:3], method="gradcam")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (PICTURES / 255, r"uint8, 0 to 255, and these are float64; .* give np"),
        (PICTURES[..., 0], r"shape \(41, 8, 8\) is no picture; give \[H, W, C\]"),
        (PICTURES[:0], "no picture is given"),
        ([], "no picture is given"),
        (3, "a int is no picture; give a path, a folder, a Pillow image"),
        ("/nowhere/1.png", "no file or folder /nowhere/1.png"),
        (__file__, "is not a picture"),
        (Image.new("F", (4, 4)), "of mode F has more than 8 bits"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(clf, given, message):
    with pytest.raises(jaxcnn.UserError, match=message) as refused:
        clf(given)
    assert "\n" not in str(refused.value)


def test_a_colour_network_takes_published_weights_grey_pictures_and_the_cameras_orientation(
    tmp_path, resnet4
):
    weights = saved(resnet4, 3, 3, tmp_path / "w.safetensors")
    clf = jaxcnn.load(weights, arch=resnet4, image_size=16)
    assert clf.class_names is None
    grey = PICTURES[0].repeat(3, axis=0).repeat(4, axis=1)
    turned = Image.fromarray(np.rot90(grey[..., 0]))
    exif = turned.getexif()
    exif[0x0112] = 6  # To be turned clockwise to stand upright.
    turned.save(tmp_path / "1.png", exif=exif)
    opened = Image.open(tmp_path / "1.png")
    same = [grey, grey.repeat(3, axis=-1), opened, tmp_path / "1.png"]
    first, *others, wrong = clf([*same, np.rot90(grey)])
    assert all(other == pytest.approx(first, rel=1e-5) for other in others)
    assert np.abs(wrong - first).max() > 1e-3
    assert {name for name, _ in clf.top(same, 3)[0]} == {"0", "1", "2"}
    assert clf.probabilities_of._cache_size() == 1


def test_what_is_no_run_is_refused_with_what_would_be_right(tmp_path):
    with pytest.raises(jaxcnn.UserError, match="is not a run's folder; .* give arch=NAME too"):
        jaxcnn.load(tmp_path)
