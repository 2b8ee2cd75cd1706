"""A venue on loopback: Binance's spot and USDT-M protocols over books of its own, to rehearse live without money."""
