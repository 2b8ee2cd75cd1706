"""Replay: thinks again over what was recorded and compares it with what was written."""
