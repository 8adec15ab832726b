"""What publishes workflows: `fastagency.adapters.fastapi`."""
