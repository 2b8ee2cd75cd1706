"""Which arbitrage to take first."""


def arb_rank_score(
    *,
    profit_score: float,
    liquidity_score: float,
    reliability_score: float,
    profit_weight: float = 0.5,
    liquidity_weight: float = 0.2,
    reliability_weight: float = 0.3,
) -> float:
    """Gives the rank of an arbitrage, 0 to 10 like its three scores. The weights fit the design's example, 8.1."""
    return profit_weight * profit_score + liquidity_weight * liquidity_score + reliability_weight * reliability_score
