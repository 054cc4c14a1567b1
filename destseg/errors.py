"""Errors that are the user's to mend."""


class InputError(Exception):
    """Bad input: one sentence that names the value or file, what is wrong and what to do.

    The command line prints the sentence and exits with code 2.
    """


def one_line(error: Exception) -> str:
    """Say in a line what went wrong."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
