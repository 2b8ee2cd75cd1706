"""How good a backtest was, and how far to believe it: for reports, sweeps and evaluation, never for decisions."""
