"""Where market facts come from, one file a source."""
