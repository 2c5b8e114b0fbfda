"""The Hub in reach, out of reach, and out of order; with a copy to go on with, or without."""

import http.server
import json
import logging
import socket
import threading
import time
from contextlib import contextmanager

import huggingface_hub.constants
import numpy as np
import pytest
from safetensors.numpy import save

import jaxcnn.train.fit  # noqa: F401  (Not while a command's seconds are counted.)
from jaxcnn.errors import UserError
from jaxcnn.train.command import main
from jaxcnn.weights import hub
from jaxcnn.weights.sources import read
from tests.weights.test_sources import COMMIT, hub_cache, state_dict_of

NAME, SOURCE = "linear", "hf:a/b"
PATIENCE, PATIENCE_WITH_COPY = 1.0, 0.4
NOT_NAMED = {"pretrained_cfg": {}}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "_silences", {})
    monkeypatch.setattr(hub, "PATIENCE_SECONDS", PATIENCE)
    monkeypatch.setattr(hub, "PATIENCE_WITH_COPY_SECONDS", PATIENCE_WITH_COPY)
    return folder


@pytest.fixture
def hub_at(monkeypatch):
    def set_address(port):
        address = f"http://127.0.0.1:{port}"
        template = address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
        monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        return address

    return set_address


@contextmanager
def listening(is_silent):
    """A port that takes connections and never answers, or one that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if is_silent:
            yield port, server
    if not is_silent:
        yield port, None


@contextmanager
def serving(files, status=200, headers=()):
    """A Hub with `files` by name, whose answers have that status; and what it was asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            asked.append(f"{self.command} {self.path}")
            content = files.get(self.path.rpartition("/")[2])
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            if content is not None and status == 200:
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("ETag", f'"{len(content)}"')
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            return content

        def do_GET(self):
            self.wfile.write(self.do_HEAD() or b"")

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("is_silent", [True, False], ids=["no answer", "refused"])
def test_a_hub_out_of_reach_is_asked_once_and_the_line_says_what_works_without(
    cache, hub_at, monkeypatch, tmp_path, capsys, caplog, is_silent
):
    """Of a network with two forms, whose weights are looked into before those of others are."""
    monkeypatch.chdir(tmp_path)
    asked, ask = [], hub._asked
    monkeypatch.setattr(hub, "_asked", lambda *how: asked.append(how) or ask(*how))
    with listening(is_silent) as (port, _):
        address = hub_at(port)
        start = time.monotonic()
        with caplog.at_level(logging.WARNING):
            status = main(["--arch=efficientnet_lite0", f"--pretrained={SOURCE}"])
        # The client, left to itself, takes 51 s; a busy machine is slow at all else.
        assert time.monotonic() - start < 20
        assert len(asked) == 1  # The client itself may try again, after nobody waits for it.
    told = capsys.readouterr().err
    assert status == 2 and told.count("\n") == 1 and not caplog.records
    for part in (SOURCE, address, str(cache), "a .safetensors or .pth file, a run's folder"):
        assert part in told
    # Of a silent one either the client or who waits for it is the first to have enough.
    reasons = ("no answer in 1 s", "timed out") if is_silent else ("ConnectError",)
    assert any(reason in told for reason in reasons)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("is_silent", [True, False], ids=["no answer", "refused"])
def test_a_copy_is_used_at_once_while_the_hub_is_out_of_reach(cache, hub_at, caplog, is_silent):
    weights = state_dict_of(NAME)
    hub_cache(cache, "a/b", NOT_NAMED, weights)
    with listening(is_silent) as (port, _), caplog.at_level(logging.WARNING):
        hub_at(port)
        start = time.monotonic()
        for _ in range(3):
            found = read(NAME, SOURCE)
        assert time.monotonic() - start < 2 * PATIENCE_WITH_COPY
    assert all(np.array_equal(found.state_dict[key], weights[key]) for key in weights)
    assert found.origin is not None and found.origin.commit == COMMIT
    assert not caplog.records


def test_what_was_fetched_is_the_copy_of_later(cache, hub_at):
    weights = state_dict_of(NAME)
    files = {"config.json": json.dumps(NOT_NAMED).encode(), "model.safetensors": save(weights)}
    with serving(files) as (port, asked):
        hub_at(port)
        found = read(NAME, SOURCE)
        assert [path for path in asked if path.startswith("GET")] == [
            "GET /a/b/resolve/main/config.json",
            f"GET /a/b/resolve/{COMMIT}/model.safetensors",
        ]
    assert all(np.array_equal(found.state_dict[key], weights[key]) for key in weights)
    # Nobody listens there any more.
    assert read(NAME, SOURCE).origin == found.origin


def test_of_a_commit_that_is_there_the_hub_is_not_asked(cache, hub_at):
    hub_cache(cache, "a/b", NOT_NAMED, state_dict_of(NAME))
    with serving({}) as (port, asked):
        hub_at(port)
        read(NAME, f"{SOURCE}@{COMMIT}")
    assert not asked


@pytest.mark.parametrize("has_copy", [True, False])
def test_a_hub_out_of_order_is_one_out_of_reach(cache, hub_at, caplog, has_copy):
    if has_copy:
        hub_cache(cache, "a/b", NOT_NAMED, state_dict_of(NAME))
    with serving({}, status=503) as (port, asked), caplog.at_level(logging.WARNING):
        hub_at(port)
        if has_copy:
            assert read(NAME, SOURCE).origin
        else:
            with pytest.raises(UserError, match="cannot be reached .*503.*; without a network"):
                read(NAME, SOURCE)
    assert len(asked) == 1 and not caplog.records


def test_a_repository_that_is_not_there_is_told_from_a_hub_that_is_not(cache, hub_at):
    with serving({}, 404, [("X-Error-Code", "RepoNotFound")]) as (port, _):
        hub_at(port)
        with pytest.raises(UserError) as error:
            read(NAME, SOURCE)
    assert "hf:a/b cannot be fetched: Repository Not Found for url" in str(error.value)
    assert "\n" not in str(error.value)
