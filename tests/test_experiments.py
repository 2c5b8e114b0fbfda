import io

from rich.console import Console

from experiments.convolution_vs_dense import ARCHITECTURES, SHIFTS_PIXELS, Options, experiment


def test_convolution_vs_dense_fills_its_table(tmp_path):
    options = Options(dataset="digits", epochs=1, seeds=2, workdir=str(tmp_path))
    table = experiment(options, Console(file=io.StringIO()))
    assert len(table.rows) == len(ARCHITECTURES)
    assert len(table.columns) == 2 + len(SHIFTS_PIXELS)
