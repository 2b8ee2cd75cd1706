"""What people are shown: reports, pages, and how a ledger stands."""
