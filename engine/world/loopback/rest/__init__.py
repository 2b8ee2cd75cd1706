"""What the venue answers over REST: routes, weights, signatures."""
