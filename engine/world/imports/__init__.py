"""Readers of market data files: one file a format, and what they share."""
