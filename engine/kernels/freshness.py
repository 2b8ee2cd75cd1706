"""How long a figure may be kept before it is asked for again."""


def cache_ttl(*, volatility: float, ttl_max_s: float = 300.0, ttl_min_s: float = 60.0) -> float:
    """Gives the seconds a cached figure lives: the wilder the market (0 to 1), the fewer. Comes with the design."""
    return max(ttl_min_s, ttl_max_s * (1.0 - volatility))
