"""Set-up that the command lines do in `jaxcnn.cli.set_up`, and eight simulated devices."""

import os

# Tests compile much and compute little. Set before jax is imported; child processes inherit it.
os.environ["XLA_FLAGS"] = "--xla_backend_optimization_level=0"

import jax  # noqa: E402
import pytest  # noqa: E402
from absl import flags  # noqa: E402

from jaxcnn.xla.cache import keep_compiled_programs  # noqa: E402

flags.FLAGS.mark_as_parsed()
jax.config.update("jax_num_cpu_devices", 8)


@pytest.fixture(scope="session", autouse=True)
def compilation_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests compile the same small programs again and again."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    keep_compiled_programs()
