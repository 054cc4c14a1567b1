"""``python -m destseg``; see `destseg.application.commands`."""

import sys

from destseg.application.commands import main
from destseg.application.console import open_console

if __name__ == "__main__":
    open_console()
    sys.exit(main())
