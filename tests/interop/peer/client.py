"""The peer's provider, run in the peer's environment with a user interface that takes down what it is given.

`python client.py URL WORKFLOW ANSWERS`, the answers as a JSON list. It prints each message as one line of JSON, and at
the end why the provider stopped. A question for which there is no answer left ends the process.
"""

import json
import sys
from typing import Any

from fastagency.adapters.fastapi import FastAPIAdapter
from fastagency.base import CreateWorkflowUIMixin
from fastagency.messages import IOMessage, MessageProcessorMixin


class Recorder(MessageProcessorMixin, CreateWorkflowUIMixin):
    """Prints every message, and answers questions from a list."""

    def __init__(self, answers: list[str]) -> None:
        self._answers = iter(answers)

    def visit_default(self, message: IOMessage) -> None:
        print(json.dumps(message.model_dump()), flush=True)

    def visit_text_input(self, message: IOMessage) -> str:
        return self._answer(message)

    def visit_multiple_choice(self, message: IOMessage) -> str:
        return self._answer(message)

    def process_message(self, message: IOMessage) -> str | None:
        return self.visit(message)

    def _answer(self, message: IOMessage) -> str:
        self.visit_default(message)
        return next(self._answers)


def main(url: str, workflow: str, answers: str, *workflow_uuid: str) -> None:
    provider: Any = FastAPIAdapter.create_provider(fastapi_url=url)
    print(json.dumps({"type": "names", "names": provider.names}), flush=True)
    ui = Recorder(json.loads(answers)).create_workflow_ui(*workflow_uuid)
    try:
        provider.run(workflow, ui)
    except Exception as error:
        print(json.dumps({"type": "stopped", "error": type(error).__name__, "says": str(error)}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
