"""The venue's own books: accounts, orders, fills and positions by the exchange's rules. No sockets here."""
