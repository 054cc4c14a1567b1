"""Draw the contact sheet: ``python -m bench.data.miniature docs/miniature.png``."""

import argparse
from pathlib import Path

from bench.data.miniature.sheet import contact_sheet


def main() -> None:
    """Read the path from the command line and draw the sheet there."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.data.miniature",
        description="Draw the contact sheet of the miniature benchmark.",
    )
    parser.add_argument("path", type=Path, help="PNG file to write, such as docs/miniature.png")
    contact_sheet(parser.parse_args().path)


if __name__ == "__main__":
    main()
