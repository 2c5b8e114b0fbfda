"""Programs that call oneDNN, however little there is to do, and how often they do."""

import contextlib
import platform
import sys

import jax
import pytest

from jaxcnn.xla import onednn

# Not by what `support` says: a jaxlib without it is to fail here.
only_where_called = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"),
    reason="oneDNN's calls are used on Linux and x86-64 only",
)


@contextlib.contextmanager
def however_small():
    """Operations of any size are given to oneDNN."""
    jax.clear_caches()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onednn, "_WORTH_SECONDS", 0.0)
        yield
    jax.clear_caches()


def calls(function, *arguments):
    """How often a function's program calls oneDNN."""
    return jax.jit(function).lower(*arguments).as_text().count("custom_call @__onednn$")
