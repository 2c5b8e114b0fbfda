"""The pages as a browser shows them: nothing sticks out, nothing is asked of anyone."""

import os
import re
import shutil
import subprocess

import pytest

from jaxcnn.report.run_page import run_page
from jaxcnn.report.write import figures_of
from tests.report.shown import one_class_shown, several_classes_shown

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
                None)  # fmt: skip
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")

# In the page, so that the browser says what it found: what is wider than the window without being
# scrolled by itself, which texts overlap in a chart, and what it had to refuse.
ASK = """
<script>
var refused = [];
document.addEventListener("securitypolicyviolation", function (e) { refused.push(e.blockedURI); });
window.addEventListener("load", function () {
  var wide = document.documentElement.clientWidth, out = [];
  document.querySelectorAll("body *").forEach(function (e) {
    if (e.closest(".wide") || e.closest("svg")) { return; }
    var box = e.getBoundingClientRect();
    if (box.right > wide + 1) { out.push(e.tagName + " " + Math.round(box.right)); }
  });
  var requests = performance.getEntriesByType("resource").map(function (r) { return r.name; })
    .filter(function (name) { return name.indexOf("data:") !== 0; });
  parent.postMessage(JSON.stringify({wide: document.documentElement.scrollWidth - wide,
    out: out.slice(0, 5), requests: requests, refused: refused}), "*");
});
</script>
"""
# A frame, since a window of the browser has 500 pixels at the least.
FRAME = """<!doctype html><title>nothing said</title>
<script>addEventListener("message", function (e) { document.title = e.data; });</script>
<iframe src="page.html" style="width: %dpx; height: 900px; border: 0"></iframe>"""


def shown_by_the_browser(page, folder, width):
    """What the page says of itself at a width in pixels."""
    # Its own policy would refuse the script that asks.
    asking = re.sub(r"script-src '[^']*'", "script-src 'unsafe-inline'", page)
    (folder / "page.html").write_text(asking.replace("</head>", ASK + "</head>"))
    (folder / "frame.html").write_text(FRAME % width)
    done = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
            f"--user-data-dir={folder / 'profile'}", "--window-size=1400,900",
            "--virtual-time-budget=2000", f"file://{folder / 'frame.html'}",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "HOME": str(folder)},
    )  # fmt: skip
    return re.search(r"<title>(.*?)</title>", done.stdout)[1].replace("&quot;", '"')


@pytest.mark.parametrize(
    ("make", "width"),
    [(one_class_shown, 1280), (one_class_shown, 375), (several_classes_shown, 375)],
)
def test_nothing_sticks_out_and_nothing_is_asked_for(tmp_path, make, width):
    shown = make(12, names=[f"a rather long name of a class, {k}" for k in range(12)])
    said = shown_by_the_browser(run_page(shown, figures_of(shown)), tmp_path, width)
    assert said == '{"wide":0,"out":[],"requests":[],"refused":[]}'
