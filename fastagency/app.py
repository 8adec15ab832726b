"""`from fastagency.app import FastAgency`."""

from frontend.app import FastAgency

__all__ = ["FastAgency"]
