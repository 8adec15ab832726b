"""What only a process of its own can show: what an import brings along, what a fork leaves, what a command prints."""
