"""The one exception for input that is the user's to correct."""


class UserError(ValueError):
    """What the user gave cannot work; the message is one line that says what would.

    Command lines print the message alone and exit with status 2.
    """


class RunError(RuntimeError):
    """A run could not finish; the message is one line that says why and how to go on.

    Command lines print the message alone and exit with status 1.
    """


class Interrupted(Exception):
    """A run was asked to stop by a signal, and saved; the message says how to go on.

    Command lines print the message alone. They exit with status 1 after Ctrl-C, but with 0 for all
    else: that is a machine making room, which a scheduler must not take for a failure.
    """

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.signal_number = signal_number
