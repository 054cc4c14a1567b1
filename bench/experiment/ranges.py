"""How large the numbers of an experiment may be: far beyond any use, and short of no memory."""

from destseg.errors import InputError

MOST: tuple[tuple[str, float], ...] = (
    ("batch_size", 2**16),
    ("size", 2**12),
    ("crop", 2**12),
    ("width", 2**13),
    ("lattice_exponents", 12),
    ("dilations", 2**10),
    ("steps", 10**7),
    ("epochs", 10**5),
    ("seed", 2**63 - 1),
    ("lr", 10**3),
    ("degrees", 360),
)
"""Part of a setting's name -> the largest value; the first that fits counts."""

OTHERS = 2**32


def require_range(value: float, where: str) -> None:
    """Refuse a number that no experiment can mean; the setting's name is the last of ``where``.

    Raises
    ------
    InputError
        Naming the setting and its largest value.
    """
    name = where.replace(": ", ".").rpartition(".")[2]
    most = next((most for part, most in MOST if part in name), OTHERS)
    if abs(value) > most:
        # Without the value, which may have thousands of digits.
        raise InputError(f"{where} is too large; it must be at most {most:.12g}.")
    if "seed" in name and value < 0:
        raise InputError(f"{where} is {value}; it must not be negative.")
