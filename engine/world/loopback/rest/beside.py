"""What clients ask of the exchange beside trading: the key's rights, the list of assets, markets that are not here."""

from typing import Any

from engine.world.loopback.books.spot import SpotBooks
from engine.world.loopback.clock import VenueClock
from engine.world.loopback.market.instruments import text8
from engine.world.loopback.rest.routes import Call, Route, Routes

_V1 = "/sapi/v1/"


class Beside:
    """The few answers of /sapi, and of /dapi, whose coin-margined market is empty here."""

    def __init__(self, books: SpotBooks, clock: VenueClock) -> None:
        """Speaks for these books."""
        self.books, self.clock = books, clock

    def routes(self) -> Routes:
        """Gives every path with its answer."""
        return {
            ("GET", _V1 + "account/status"): Route(lambda call: {"data": "Normal"}, 1, "signed"),
            ("GET", _V1 + "account/apiTradingStatus"): Route(self.unlocked, 1, "signed"),
            ("POST", "/sapi/v3/asset/getUserAsset"): Route(self.held, 5, "signed"),
            ("POST", _V1 + "asset/get-funding-asset"): Route(lambda call: [], 1, "signed"),
            ("GET", _V1 + "system/status"): Route(lambda call: {"status": 0, "msg": "normal"}),
            ("GET", _V1 + "capital/config/getall"): Route(self.assets, 10, "signed"),
            ("GET", _V1 + "account/apiRestrictions"): Route(self.rights, 1, "signed"),
            ("GET", _V1 + "asset/tradeFee"): Route(self.fees, 1, "signed"),
            ("GET", _V1 + "bnbBurn"): Route(self.burn, 1, "signed"),
            ("POST", _V1 + "bnbBurn"): Route(self.set_burn, 1, "signed"),
            ("GET", _V1 + "margin/allPairs"): Route(lambda call: [], 1, "key"),
            ("GET", _V1 + "margin/isolated/allPairs"): Route(lambda call: [], 10, "signed"),
            ("GET", "/dapi/v1/ping"): Route(lambda call: {}),
            ("GET", "/dapi/v1/time"): Route(lambda call: {"serverTime": self.clock.now()}),
            ("GET", "/dapi/v1/exchangeInfo"): Route(self.no_coin_margin),
        }

    def assets(self, call: Call) -> Any:
        """Tells the assets, which can neither be brought in nor taken out here."""
        account = call.account
        names = {name for coin in self.books.floor.coins.values() for name in (coin.base, coin.quote)}
        return [
            {"coin": name, "name": name, "free": text8(account.free.get(name, 0)),
             "locked": text8(account.locked.get(name, 0)), "freeze": "0", "withdrawing": "0", "ipoing": "0",
             "ipoable": "0", "storage": "0", "depositAllEnable": False, "withdrawAllEnable": False,
             "trading": True, "isLegalMoney": False, "networkList": []}
            for name in sorted(names)
        ]  # fmt: skip

    def held(self, call: Call) -> Any:
        """Tells the assets of which there is something on spot."""
        account, wanted = call.account, call.wanted.text("asset")
        names = sorted({name for name, units in [*account.free.items(), *account.locked.items()] if units})
        return [
            {"asset": name, "free": text8(account.free.get(name, 0)), "locked": text8(account.locked.get(name, 0)),
             "freeze": "0", "withdrawing": "0", "ipoable": "0", "btcValuation": "0"}
            for name in names
            if wanted in (None, name)
        ]  # fmt: skip

    def unlocked(self, call: Call) -> Any:
        """Tells that nothing keeps the key from trading."""
        rules = {"GCR": 150, "IFER": 150, "UFR": 300}
        return {"data": {"isLocked": False, "plannedRecoverTime": 0, "triggerCondition": rules, "updateTime": 0}}

    def rights(self, call: Call) -> Any:
        """Tells what the key may do."""
        rights = call.account.rights
        return {
            "ipRestrict": False, "createTime": 0, "enableReading": "read" in rights,
            "enableWithdrawals": "withdraw" in rights, "enableInternalTransfer": False,
            "permitsUniversalTransfer": False, "enableVanillaOptions": False, "enableMargin": False,
            "enableFutures": "trade" in rights, "enableSpotAndMarginTrading": "trade" in rights,
            "enablePortfolioMarginTrading": False, "enableFixApiTrade": False, "enableFixReadOnly": False,
        }  # fmt: skip

    def fees(self, call: Call) -> Any:
        """Tells the fee rates of spot symbols."""
        wanted, fees = call.wanted.text("symbol"), self.books.fees
        return [
            {"symbol": symbol, "makerCommission": f"{fees.maker:f}", "takerCommission": f"{fees.taker:f}"}
            for symbol in self.books.floor.coins
            if wanted is None or symbol == wanted
        ]

    def burn(self, call: Call) -> Any:
        """Tells whether spot fees are paid in BNB."""
        return {"spotBNBBurn": call.account.burns, "interestBNBBurn": False}

    def set_burn(self, call: Call) -> Any:
        """Sets whether spot fees are paid in BNB."""
        call.account.burns = call.wanted.flag("spotBNBBurn")
        return self.burn(call)

    def no_coin_margin(self, call: Call) -> Any:
        """Tells of a market without symbols."""
        return {
            "timezone": "UTC",
            "serverTime": self.clock.now(),
            "rateLimits": [],
            "exchangeFilters": [],
            "symbols": [],
        }
