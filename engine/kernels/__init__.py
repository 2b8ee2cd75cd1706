"""Numbers from prices: indicators that advance bar by bar, and the scores made of them."""
