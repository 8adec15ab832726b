"""Serves an application as `fastagency backend` does: `python -m benchmarks.shipped module:app --port PORT`."""

from __future__ import annotations

from argparse import ArgumentParser

from fastagency_backend.web.server import serve


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("app")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    serve(options.app, port=options.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
