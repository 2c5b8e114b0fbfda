import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pytest

from jaxcnn.report.run_page import balance_says, confidence_says, run_page
from jaxcnn.report.write import figures_of
from tests.report.shown import one_class_shown, several_classes_shown

SHOWN = {
    "three": one_class_shown(n=90),
    "one class": one_class_shown(1),
    "thirty": one_class_shown(30, n=120, right=0.3),
    "several": several_classes_shown(),
}


@cache
def page_of(name):
    return run_page(SHOWN[name], figures_of(SHOWN[name]))


class Attributes(HTMLParser):
    """What a page links to or has done, and whether its elements are closed."""

    VOID = {"meta", "link", "img", "br", "use", "path", "rect"}

    def __init__(self, page):
        super().__init__()
        self.places, self.handlers, self.open = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "action", "srcset", "data"):
                self.places.append(value)
            if name.startswith("on"):
                self.handlers.append((name, value))

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


@pytest.mark.parametrize("name", SHOWN)
def test_a_page_is_whole_and_asks_for_nothing_from_elsewhere(name):
    page = page_of(name)
    found = Attributes(page)
    assert not found.open, "an element is not closed"
    assert all(place.startswith(("data:", "#")) for place in found.places)
    assert "default-src 'none'" in page and "mathdefault" not in page
    assert not re.search(r"url\((?!#)", page.split("</style>")[1])


def test_names_of_strangers_are_text():
    evil = ["<script>alert(1)</script>", '" onerror="alert(1)', "a'b&c"]
    shown = one_class_shown(names=evil)
    shown = replace(shown, title=evil[0], command=evil[1], facts=[(evil[0], evil[1])], lines=())
    page = run_page(shown, figures_of(shown))
    assert page.count("<script>") == 1 and not Attributes(page).handlers


def test_the_surest_mistakes_and_the_least_sure_hits_come_first():
    evaluation, page = SHOWN["three"].evaluation, page_of("three")
    shares = np.exp(evaluation.logits) / np.exp(evaluation.logits).sum(1, keepdims=True)
    wrong = evaluation.logits.argmax(1) != evaluation.labels
    _, mistakes, hits = re.split("The most confident mistakes|The least sure hits", page)
    assert f" {shares.max(1)[wrong].max():.3f}" in mistakes[: mistakes.index("</figure>")]
    assert f" {shares.max(1)[~wrong].min():.3f}" in hits[: hits.index("</figure>")]
    assert mistakes.count("<figure>") == 12, "no more than a look's worth"


def test_confidence_beside_accuracy_is_said():
    figures = figures_of(one_class_shown(right=0.5))
    assert "surer than it may be" in confidence_says(figures, None)
    assert "would say it best" in confidence_says(figures, 2.5)


def test_classes_unlike_in_number_are_said():
    assert "about as many training images each" in balance_says([10, 11, 12])
    assert "30.0 times as many training images" in balance_says(range(1, 31))
    assert "1 of the 3 classes have no training image" in balance_says([3, 0, 2])


def test_each_class_stands_in_the_table():
    rows = page_of("thirty").split("<h2>Each class</h2>")[1]
    assert all(f">class {k}<" in rows for k in range(30))


def test_the_worst_pairs_are_listed_whatever_the_number_of_classes():
    assert "The worst pairs" in page_of("thirty") and "The worst pairs" in page_of("three")
    assert "Per cent of the true class" in page_of("three")
    assert "the confusion matrix as a picture" in page_of("thirty")
