"""Binance's REST, spot and USDT-M futures: signing, budgets, verdicts on answers, and a method for each endpoint."""
