"""The workflows of the contract for a backend in a process of its own, as FASTAGENCY_WORKFLOWS names them."""

from tests.contract.workflows import workflow

wf = workflow()
