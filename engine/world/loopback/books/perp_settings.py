"""What an account of perpetuals can set: leverage, margin type, position mode, isolated margin."""

from engine.world.loopback.books.perp import PerpBooks
from engine.world.loopback.books.perp_events import account_config, account_update
from engine.world.loopback.books.perp_margin import MAX_LEVERAGE, Position, most_notional
from engine.world.loopback.books.perp_orders import Trader
from engine.world.loopback.books.refusals import Refusal


def set_leverage(books: PerpBooks, trader: Trader, symbol: str, leverage: int) -> None:
    """Sets the leverage of a symbol."""
    coin = books.floor.coin(symbol)
    if not 1 <= leverage <= MAX_LEVERAGE:
        raise Refusal(-4028, f"Leverage {leverage} is not valid.")
    held = [position for position in trader.held() if position.coin is coin]
    if symbol in trader.isolated and held and leverage < trader.leverage(symbol):
        raise Refusal(-4161, "Leverage reduction is not supported in Isolated Margin Mode with open positions.")
    if any(one.notional(books.wallets.mark(coin)) > most_notional(leverage) for one in held):
        raise Refusal(-2028, "Leverage is smaller than permitted: insufficient margin balance.")
    trader.leverages[symbol] = leverage
    trader.emit(account_config(symbol, leverage, books.now()))


def set_isolated(books: PerpBooks, trader: Trader, symbol: str, isolated: bool) -> None:
    """Sets whether positions of a symbol have a margin of their own."""
    coin = books.floor.coin(symbol)
    if (symbol in trader.isolated) == isolated:
        raise Refusal(-4046, "No need to change margin type.")
    if any(position.coin is coin for position in trader.held()):
        raise Refusal(-4048, "Margin type cannot be changed if there exists position.")
    if trader.open_of(symbol):
        raise Refusal(-4047, "Margin type cannot be changed if there exists open orders.")
    (trader.isolated.add if isolated else trader.isolated.discard)(symbol)


def set_dual(books: PerpBooks, trader: Trader, dual: bool) -> None:
    """Sets hedge mode (a long and a short side) or one-way mode."""
    if trader.dual == dual:
        raise Refusal(-4059, "No need to change position side.")
    if trader.open:
        raise Refusal(-4067, "Position side cannot be changed if there exists open orders.")
    if trader.held():
        raise Refusal(-4068, "Position side cannot be changed if there exists position.")
    trader.dual = dual


def move_margin(books: PerpBooks, trader: Trader, position: Position, units: int) -> None:
    """Adds to an isolated margin, or takes from it (less than zero)."""
    if not position.steps or position.coin.symbol not in trader.isolated:
        raise Refusal(-4046, "Cannot adjust margin: there is no isolated position.")
    least = books.wallets.initial(trader, position)
    too_much = units > books.wallets.available(trader)
    too_little = units < 0 and position.wallet_e8 + units + min(0, books.wallets.paper_profit(position)) < least
    if too_much or too_little:
        raise Refusal(-2019, "Margin is insufficient.")
    position.wallet_e8 += units
    trader.emit(account_update(books, trader, "MARGIN_TRANSFER", [position], 0))
