"""Writes goldens/positions.npz: positions resampled by timm.

pip install torch==2.14.1 timm==1.0.31
python tests/weights/make_goldens.py
"""

import numpy as np
import torch
from positions import BIAS_TABLES, EMBEDDINGS, GOLDENS, bias_table, embedding
from timm.layers import resample_abs_pos_embed, resize_rel_pos_bias_table


def main() -> None:
    goldens = {}
    for case in EMBEDDINGS:
        goldens[case.id] = resample_abs_pos_embed(
            torch.from_numpy(embedding(case)), [case.new, case.new], num_prefix_tokens=case.first
        ).numpy()
    for case in BIAS_TABLES:
        table = torch.from_numpy(bias_table(case))
        shape = ((2 * case.new - 1) ** 2, table.shape[1])
        goldens[case.id] = resize_rel_pos_bias_table(table, (case.new, case.new), shape).numpy()
    np.savez_compressed(GOLDENS, **goldens)


if __name__ == "__main__":
    main()
