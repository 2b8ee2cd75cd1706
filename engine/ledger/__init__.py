"""The only SQL: the append-only, hash-chained ledger of a run."""
