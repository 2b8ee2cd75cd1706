"""The account at an exchange: what is asked of it and what it tells, the same for spot and futures."""
