"""A live account as a venue: orders leave by lanes, what becomes of them is followed until it is proven."""
