"""``python -m destseg``; see `destseg.application.commands`."""

import sys

from destseg.application.commands import main

if __name__ == "__main__":
    sys.exit(main())
