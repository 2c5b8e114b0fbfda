"""The CPU's flags are set where it computes, and only those that XLA has."""

import pytest

from jaxcnn.xla import flags, set_up


@pytest.mark.parametrize(
    ("platforms", "device", "plugin", "expected"),
    [
        ("", None, None, True),
        ("", "accel0", "libtpu", False),
        ("", "vfio/0", "libtpu", False),
        ("", "nvidia0", "xla_cuda13", False),
        # Left over from a driver, or of a system whose JAX is for CPUs only.
        ("", "nvidia0", None, True),
        ("", "dxg", None, True),
        ("", "kfd", None, True),
        # A plugin without its device.
        ("", None, "libtpu", True),
        ("cpu", "nvidia0", "xla_cuda13", True),
        ("tpu,cpu", None, None, False),
    ],
)
def test_computes_on_cpu_unless_there_is_an_accelerator_and_a_jax_for_it(
    monkeypatch, tmp_path, platforms, device, plugin, expected
):
    if device is not None:
        (tmp_path / device).parent.mkdir(exist_ok=True)
        (tmp_path / device).touch()
    monkeypatch.setattr(flags, "DEVICES", tmp_path)
    monkeypatch.setattr(flags, "plugins", lambda: [plugin] if plugin else [])
    monkeypatch.setenv("JAX_PLATFORMS", platforms)
    assert flags.computes_on_cpu() == expected


def test_flags_that_xla_lacks_are_left_out_and_the_users_own_kept(monkeypatch):
    ynn, passes, extra = flags.CPU_FLAGS
    monkeypatch.setattr(set_up, "supported", lambda: frozenset([passes, extra]))
    own = "--xla_backend_extra_options=xla_cpu_my_own=true"
    monkeypatch.setenv("XLA_FLAGS", own)
    set_up.set_cpu_flags()
    assert set_up.os.environ["XLA_FLAGS"].split() == [own, passes]
