"""The nouns: market facts, ideas, trades and the desk, and how they stand on the wire."""
