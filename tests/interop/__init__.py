"""On the wire with the peer: FastAgency 0.10.2 of PyPI, in an environment of its own, built by `tests/interop/run`."""
