"""`from fastagency.app import FastAgency`."""

from fastagency_frontend.app import FastAgency

__all__ = ["FastAgency"]
