"""The command `fastagency`: one command line for both sides.

Only `serve` and `run` touch the page, and only once it is to be served: every other command works without Mesop.
"""
