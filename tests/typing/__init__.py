"""Read by mypy with the rest of the code, never run: what it must accept and refuse of a workflow's author."""
