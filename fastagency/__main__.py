"""`python -m fastagency`: the same as the command `fastagency`."""

import sys

from fastagency_frontend.command.main import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
