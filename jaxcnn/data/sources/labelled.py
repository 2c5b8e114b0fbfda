"""A place of pictures whose classes a file tells."""

import os
from dataclasses import dataclass

from jaxcnn.data.errors import DataError, DataNotFound
from jaxcnn.data.spec import DataDir


@dataclass(frozen=True)
class LabelledFolder(os.PathLike[str]):
    """A folder, and the CSV file with the classes of pictures below it: a data directory.

    To whatever knows of no such file it is the path of the folder.
    """

    folder: str
    labels: str

    def __fspath__(self) -> str:
        return self.folder


def with_labels(dataset: str, data_dir: DataDir, labels: str | None) -> DataDir:
    """The data directory for `--dataset`, `--data-dir` and `--labels`.

    Raises DataError where a file of labels is not for that data set, DataNotFound without folder.
    """
    if labels is None:
        return data_dir
    if dataset != "image_folder":
        raise DataError(
            f"--labels={labels} is for --dataset=image_folder; {dataset} knows its classes"
        )
    if data_dir is None:
        raise DataNotFound(
            f"--labels={labels} needs --data-dir=DIR, the folder that its paths start from"
        )
    return LabelledFolder(os.fspath(data_dir), labels)
