"""Set-up that the command lines do in `jaxcnn.cli.set_up`, and eight simulated devices."""

import jax
import pytest
from absl import flags

flags.FLAGS.mark_as_parsed()
jax.config.update("jax_num_cpu_devices", 8)


@pytest.fixture(scope="session", autouse=True)
def compilation_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests compile the same small programs again and again."""
    jax.config.update("jax_compilation_cache_dir", str(tmp_path_factory.getbasetemp() / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
