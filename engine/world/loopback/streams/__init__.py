"""What the venue tells over websockets: market, accounts, and the websocket API."""
