"""Where a process leaves things for the next, if there is such a place."""

import os
from pathlib import Path

import jax
import pytest

from jaxcnn.command import cli
from jaxcnn.files.cache_folder import cache_folder
from jaxcnn.xla import support
from jaxcnn.xla.cache import keep_compiled_programs


@pytest.fixture
def homeless(monkeypatch):
    """A user who has no home, and is in no table of users: `docker run --user=12345`."""

    def home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", home)


def test_the_folder_is_the_users_own(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "jaxcnn"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / ".cache" / "jaxcnn"


def test_where_no_folder_can_be_made_nothing_is_kept(monkeypatch, tmp_path):
    """As in a container whose HOME is / for a user who may not write there."""
    before = jax.config.jax_compilation_cache_dir
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    keep_compiled_programs()
    assert jax.config.jax_compilation_cache_dir == before


@pytest.mark.skipif(os.name != "posix", reason="modes and owners are POSIX's")
def test_nobody_else_may_write_where_programs_are_kept(monkeypatch, tmp_path):
    """They are run by the next process."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = cache_folder()
    assert folder is not None and folder.stat().st_mode & 0o777 == 0o700
    # As a version before this one made it where files are the group's to write.
    folder.chmod(0o775)
    assert cache_folder() == folder and folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.name != "posix", reason="modes and owners are POSIX's")
def test_programs_of_another_user_are_not_run(monkeypatch, tmp_path, capsys):
    before = jax.config.values["jax_compilation_cache_dir"]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "jaxcnn").mkdir()
    another = (tmp_path / "jaxcnn").stat().st_uid + 1
    monkeypatch.setattr(os, "getuid", lambda: another)
    assert cache_folder() is None
    cli.set_up(compilation_cache=True, cross_compiles=True)
    assert jax.config.values["jax_compilation_cache_dir"] == before
    line = f"compiled programs are not kept: {tmp_path / 'jaxcnn'} is another user's"
    assert capsys.readouterr().err.startswith(line)


def test_without_a_home_nothing_is_kept(homeless, monkeypatch):
    before = jax.config.jax_compilation_cache_dir
    assert cache_folder() is None
    keep_compiled_programs()
    assert jax.config.jax_compilation_cache_dir == before
    monkeypatch.setattr(support, "_tried", lambda names: dict.fromkeys(names, True))
    assert support.supported.__wrapped__() == set(support.ASKED)
