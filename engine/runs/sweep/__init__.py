"""Sweeps: many backtests with other settings, judged together."""
