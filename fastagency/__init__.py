"""FastAgency: put agent workflows in front of people.

This package is the public face: every name that an application imports, and no logic. What stands behind them lives in
`shared` (what crosses the wire), `backend` (runs workflows) and `frontend` (talks to people).
"""

from importlib.metadata import version

from fastagency_backend.engine.context import current_step_key
from fastagency_backend.workflow import UI, AsyncUI, Choices, Workflow
from fastagency_shared.errors import QuestionExpired
from fastagency_shared.user import User

from fastagency.app import FastAgency
from fastagency.messages import (
    Error,
    FunctionCallExecution,
    IOMessage,
    KeepAlive,
    MultipleChoice,
    SuggestedFunctionCall,
    SystemMessage,
    TextInput,
    TextMessage,
    WorkflowCompleted,
    WorkflowStarted,
)

__version__ = version("fastagency")

__all__ = [
    "UI",
    "AsyncUI",
    "Choices",
    "Error",
    "FastAgency",
    "FunctionCallExecution",
    "IOMessage",
    "KeepAlive",
    "MultipleChoice",
    "QuestionExpired",
    "SuggestedFunctionCall",
    "SystemMessage",
    "TextInput",
    "TextMessage",
    "User",
    "Workflow",
    "WorkflowCompleted",
    "WorkflowStarted",
    "__version__",
    "current_step_key",
]
