"""`python -m fastagency`: the same as the command `fastagency`."""

import sys

from fastagency_frontend.command.main import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
