"""What crosses the wire between a backend and its clients: pydantic models and rules, no I/O, no clock, no logging."""
