"""The command `fastagency`: one command line for both sides.

Only `frontend` and `run` load a page, and only when it is to be served: every other command works without Mesop.
"""
