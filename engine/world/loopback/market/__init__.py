"""What is traded at the venue: symbols, their tapes, and where prices come from."""
