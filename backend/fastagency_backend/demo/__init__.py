"""The workflows to begin with: a learning chat, a team with a tool, and a gallery of everything that can be shown."""

from fastagency_backend.frameworks import MissingExtra

try:
    from fastagency_backend.demo.registry import wf
except ModuleNotFoundError as error:
    if not (error.name or "").startswith("autogen"):
        raise
    raise MissingExtra("The demo", "autogen") from error

__all__ = ["wf"]
