"""The reason is told as it is; whole files are not called damaged."""

import os

from jaxcnn.data.sources.unreadable import first_unreadable, in_one_line


def test_the_first_file_that_fails_is_named_with_what_it_failed_with():
    def read(path):
        if path == "b":
            raise ImportError("no\nmodule")

    found = first_unreadable("abc", read)
    assert found is not None
    assert in_one_line(*found) == "b cannot be read (ImportError: no module)"
    assert first_unreadable("ac", read) is None


def test_another_users_file_is_not_called_damaged(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.touch()
    monkeypatch.setattr(os, "access", lambda *_: False)  # Root may read all there is.
    assert in_one_line(path, RuntimeError("boom")) == (
        f"{path} may not be read by this user (its owner may allow it by chmod a+r)"
    )
