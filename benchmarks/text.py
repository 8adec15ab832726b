"""What the workflows and the bare application send, in a module that imports neither."""

BODY = "The quick brown fox jumps over the lazy dog. " * 4
CHUNK = "token "
