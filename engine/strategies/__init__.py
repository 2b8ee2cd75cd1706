"""One trading idea a file, pure."""
