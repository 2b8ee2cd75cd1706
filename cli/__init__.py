"""The terminal: one file a subcommand, and the pipe they share."""
