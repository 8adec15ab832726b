"""The names under which applications of the guide import `Workflow`; every one knows every agent framework."""
