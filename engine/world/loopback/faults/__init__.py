"""What the venue does wrong on purpose."""
