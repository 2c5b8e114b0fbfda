"""What can be wrong with data, each as one line that says what would be right."""

from jaxcnn.errors import RunError, UserError


class DataError(UserError):
    """What was asked of the data cannot work."""


class DataNotFound(UserError):
    """A data set is missing or damaged; the message says where, and how to prepare it."""


class ExampleError(RunError):
    """Preparing one example failed; the message names the example."""


class WorkerError(RunError):
    """A worker process is gone or cannot start; the message names it, and what helps."""
