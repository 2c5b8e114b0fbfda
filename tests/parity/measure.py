"""Measures the whole models, at their own size, against the reference implementations.

    python -m tests.parity.measure --sizes        # what make_goldens.py --full needs to know
    python -m tests.parity.measure [MODEL...]     # those with a golden in goldens/full/

The second form writes figures.json: the largest difference of the logits, relative to the largest
logit, float32 here against float64 there, in training mode where float32 cannot tell in evaluation
mode (make_goldens.py says which and why). The table of docs/models.md shows them.
"""

import json
import sys
from pathlib import Path

import jax
import numpy as np

from jaxcnn.models import list_models, model_spec
from jaxcnn.models.spec import Variables
from jaxcnn.selfcheck.parity import difference, rule_variables, without_dropout
from jaxcnn.selfcheck.rule import images
from tests.parity.cases import FULL_SIZES, SIZES, full_size
from tests.parity.references import reference_of

FIGURES = Path(__file__).parent / "figures.json"


def full_size_difference(name: str) -> float:
    case, model = full_size(name), without_dropout(full_size(name))
    [(mode, theirs)] = np.load(FULL_SIZES / f"{name}.npz").items()
    inputs = images(len(theirs), *case.size, case.channels)

    def logits(variables: Variables) -> jax.Array:
        if mode == "logits":
            return model.apply(variables, inputs)
        return model.apply(variables, inputs, train=True, mutable=["batch_stats"])[0]

    with jax.default_matmul_precision("highest"):
        return difference(jax.jit(logits)(rule_variables(case)), theirs)


def write_sizes() -> None:
    FULL_SIZES.mkdir(parents=True, exist_ok=True)
    specs = {name: model_spec(name) for name in list_models() if reference_of(name)}
    sizes = {name: (s.image_size, s.channels, s.num_classes) for name, s in specs.items()}
    SIZES.write_text(json.dumps(sizes, indent=0) + "\n")


def main() -> None:
    if sys.argv[1:] == ["--sizes"]:
        write_sizes()
        return
    figures = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    for name in sys.argv[1:] or list_models():
        if (FULL_SIZES / f"{name}.npz").exists():
            figures[name] = float(f"{full_size_difference(name):.1e}")
            print(name, figures[name], flush=True)
            FIGURES.write_text(json.dumps(dict(sorted(figures.items())), indent=0) + "\n")


if __name__ == "__main__":
    main()
