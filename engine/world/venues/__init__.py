"""Where orders go, one file a venue."""
