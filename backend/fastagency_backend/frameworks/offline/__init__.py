"""The offline demo model, as far as it is the same for every framework: what it says, and which tools it calls.

Each framework's own `offline.py` makes a model client of it.
"""

MARK = "*Offline demo model:*"
"""At the beginning of the first message of every agent that uses it."""
