"""Times a workload for another process, line by line: the other end of `jaxcnn.benchmark.rival`.

python -m jaxcnn.benchmark.served [--deterministic] does so for our own side.
"""

import json
import sys
from typing import Any

import flax
import jax

from jaxcnn.benchmark.ours import Ours
from jaxcnn.benchmark.workload import Workload
from jaxcnn.xla import device_memory
from jaxcnn.xla.flags import computes_on_cpu
from jaxcnn.xla.gpu import reproducible_options
from jaxcnn.xla.set_up import set_up_cpu


def serve(compiler_options: dict[str, Any] | None = None) -> None:
    """Reads a workload as one line of JSON and answers with one; then, for each number of steps,
    with the seconds of each."""
    ours = Ours(Workload(**json.loads(sys.stdin.readline())), compiler_options)
    try:
        ours.seconds(1)
    except Exception as error:
        first_line = str(error).strip().partition("\n")[0]
        raise SystemExit(f"{type(error).__name__}: {first_line}") from error
    versions = {"flax": flax.__version__, "jax": jax.__version__}
    ready = {"versions": versions, "compile_seconds": ours.compile_seconds}
    print(json.dumps(ready), flush=True)
    for line in sys.stdin:
        answer = {"seconds": ours.seconds(int(line)), "peak_bytes": device_memory.peak_bytes()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    if computes_on_cpu():
        set_up_cpu()
    serve(reproducible_options() if "--deterministic" in sys.argv[1:] else None)
