"""One reason to refuse a file, pure."""
