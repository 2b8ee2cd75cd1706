"""The market store: candles, open interest, funding and symbol rules on disk, as columns that are memory-mapped."""
