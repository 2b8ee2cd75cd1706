"""What tells how friendly a text is, one file a way."""
