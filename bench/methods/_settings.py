"""Checks of settings, for the configurations of DRAEM and DSR."""


def require_at_least(least: float, **values: float) -> None:
    """Refuse what is less.

    Raises
    ------
    ValueError
        That names the value.
    """
    for name, value in values.items():
        if value < least:
            raise ValueError(f"{name} is {value}; it must be at least {least}")


def require_shares(**values: float) -> None:
    """Refuse what is not in [0, 1].

    Raises
    ------
    ValueError
        That names the value.
    """
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name} is {value}; it must be between 0 and 1")
