"""What users install: the wheel, in a fresh environment, beside packages of theirs with our folders' names."""
