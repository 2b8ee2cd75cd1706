"""The only sockets and files of the market: sources, venues, notifiers."""
