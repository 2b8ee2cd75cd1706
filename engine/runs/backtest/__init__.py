"""Backtests: a market through the stages in memory, and what came of it in a folder."""
