"""The one exception for input that is the user's to correct."""


class UserError(ValueError):
    """What the user gave cannot work; the message is one line that says what would.

    Command lines print the message alone and exit with status 2.
    """


class RunError(RuntimeError):
    """A run could not finish; the message is one line that says why and how to go on.

    Command lines print the message alone and exit with status 1.
    """
