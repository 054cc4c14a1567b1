"""``python -m bench``."""

import sys

from bench.cli import main
from destseg.application.console import open_console

if __name__ == "__main__":
    open_console()
    sys.exit(main())
