"""Bundled symbol rules, dated, for markets that bring none."""
