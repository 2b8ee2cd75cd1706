"""Settings: defaults, then hot.toml, then the environment, then flags; each value knows where it came from."""

import os
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from engine.errors import ConfigError
from engine.matching.exchange import PaperSettings
from engine.plugs import Rule, Strategy
from engine.records.base import figure
from engine.records.bounds import check_number, in_words
from engine.runs import catalog
from engine.runs.beside import AnnouncementsSettings, PostsSettings
from engine.runs.governor import GovernorSettings
from engine.runs.market import LiveSettings
from engine.runs.run_settings import DaemonSettings, GateSettings, LedgerSettings, RecordSettings
from engine.stages.desk import DeskSettings
from engine.stages.heat import HeatSettings
from engine.stages.precheck import PrecheckSettings
from engine.stages.rank import RankSettings
from engine.stages.scan import ScanSettings
from engine.stages.signal import SignalSettings
from engine.stages.size import SizeSettings
from engine.world.account.settings import AccountSettings
from engine.world.binance.breaker import BreakerSettings
from engine.world.binance.settings import BinanceSettings
from engine.world.venues.live.settings import LiveVenueSettings

CONFIG_FILE = "hot.toml"
ENV_PREFIX = "HOT_"
#: Characters of a wrong value that are shown.
_SHOWN = 80
#: Environment variables of ours that are not settings.
_NOT_SETTINGS = ("HOT_LEDGER__PATH", "HOT_DATA__DIR", "HOT_TEST_", "HOT_SHARED")


_SECTIONS: dict[str, type[Any]] = {
    "scan": ScanSettings,
    "heat": HeatSettings,
    "rank": RankSettings,
    "signal": SignalSettings,
    "precheck": PrecheckSettings,
    "size": SizeSettings,
    "desk": DeskSettings,
    "paper": PaperSettings,
    "ledger": LedgerSettings,
    "daemon": DaemonSettings,
    "live": LiveSettings,
    "record": RecordSettings,
    "gate": GateSettings,
    "account": AccountSettings,
    "orders": LiveVenueSettings,
    "governor": GovernorSettings,
    "announcements": AnnouncementsSettings,
    "posts": PostsSettings,
    "binance": BinanceSettings,
    "breaker": BreakerSettings,
}
#: Sections that change no decision: not part of the settings hash.
_SILENT = (
    "ledger", "daemon", "live", "record", "gate", "account", "orders", "governor", "announcements", "posts",
    "binance", "breaker",
)  # fmt: skip


class Settings:
    """Everything in force: a section each of the stages, the strategy, and, made when they are asked for, the rules.

    `values` and `origins` are flat, by `section.key`.
    """

    scan: ScanSettings
    heat: HeatSettings
    rank: RankSettings
    signal: SignalSettings
    precheck: PrecheckSettings
    size: SizeSettings
    desk: DeskSettings
    paper: PaperSettings
    ledger: LedgerSettings
    daemon: DaemonSettings
    live: LiveSettings
    record: RecordSettings
    gate: GateSettings
    account: AccountSettings
    orders: LiveVenueSettings
    governor: GovernorSettings
    announcements: AnnouncementsSettings
    posts: PostsSettings
    binance: BinanceSettings
    breaker: BreakerSettings

    def __init__(self, given: Mapping[str, tuple[Any, str]]) -> None:
        """Takes given values with their origins over the defaults; raises ConfigError."""
        named = given.get("signal.strategy", (SignalSettings().strategy, ""))[0]
        self._strategy_name = str(named)
        self._given = given
        keys = core = _core_keys()
        for key in given:
            if key not in core:
                keys = self._keys  # a plug's key: now all of them are looked at
                break
        self._check(keys)
        for name, cls in _SECTIONS.items():
            setattr(self, name, self._made(cls, self._converted(keys), name))
        if keys is not core:
            _ = self.values

    @cached_property
    def _keys(self) -> dict[str, tuple[Any, Any]]:
        return known_keys(self._strategy_name)

    def _check(self, keys: Mapping[str, tuple[Any, Any]]) -> None:
        for key, (_, origin) in self._given.items():
            if key not in keys:
                from difflib import get_close_matches

                near = get_close_matches(key, keys, 1, 0.5)
                hint = f"did you mean {near[0]}?" if near else "hot config show lists all keys"
                raise ConfigError(f"unknown setting {key!r} ({origin}): {hint}")

    def _converted(self, keys: Mapping[str, tuple[Any, Any]]) -> dict[str, Any]:
        values: dict[str, Any] = {key: default for key, (_, default) in keys.items()}
        for key, (value, origin) in self._given.items():
            values[key] = _convert(key, value, keys[key][0], origin)
        return values

    @cached_property
    def strategy(self) -> Strategy:
        """The strategy that signal.strategy names, with its settings."""
        plug = catalog.load("strategies", self._strategy_name)
        made: Strategy = self._made(plug, self._converted(self._keys), catalog.plug_name(self._strategy_name))
        return made

    @cached_property
    def rules(self) -> Sequence[Rule]:
        """Every rule, with its settings, in the order of their names."""
        values = self._converted(self._keys)
        return [self._made(catalog.load("rules", n), values, f"rules.{n}") for n in catalog.names("rules")]

    def under(self, decisive: Mapping[str, Any]) -> "Settings":
        """Gives the settings of a run with these decisive values; what changes no decision stays as it is here."""
        own = {key: given for key, given in self._given.items() if key.split(".")[0] in _SILENT}
        return Settings({**own, **{key: (value, "run") for key, value in decisive.items()}})

    def _made(self, cls: type[Any], values: Mapping[str, Any], section: str) -> Any:
        prefix = f"{section}."
        own = {key[len(prefix) :]: value for key, value in values.items() if key.startswith(prefix)}
        try:
            return cls(**own)
        except ValueError as error:  # what a plug says of settings that do not fit together
            places = sorted({origin for key, (_, origin) in self._given.items() if key.startswith(prefix)})
            raise ConfigError(f"settings of [{section}] ({', '.join(places) or 'default'}): {error}") from None

    @cached_property
    def values(self) -> Mapping[str, Any]:
        """Every value in force, sorted by key; those of other strategies are left out.

        Raises ConfigError where the strategy or a rule says that its settings do not fit together.
        """
        _ = self.strategy, self.rules
        others = {name for name in catalog.names("strategies") if name != catalog.plug_name(self._strategy_name)}
        values = self._converted(self._keys)
        return {key: value for key, value in sorted(values.items()) if key.split(".")[0] not in others}

    @property
    def origins(self) -> Mapping[str, str]:
        """Where each value came from: default, a file with its line, the environment, or --set."""
        return {key: self._given[key][1] if key in self._given else "default" for key in self.values}

    @cached_property
    def decisive(self) -> dict[str, Any]:
        """The values that can change a decision, as plain JSON values, sorted by key."""
        plain = {key: _exact(msgspec.to_builtins(value)) for key, value in self.values.items()}
        return {key: value for key, value in plain.items() if key.split(".")[0] not in _SILENT}

    @cached_property
    def hash(self) -> str:
        """sha256 over the decisive values."""
        import hashlib

        return hashlib.sha256(msgspec.json.encode(self.decisive, order="sorted")).hexdigest()


def load(
    config: Path | None = None, sets: Sequence[str] = (), env: Mapping[str, str] | None = None,
    base: Mapping[str, Any] | None = None,
) -> Settings:  # fmt: skip
    """Gives the settings in force; raises ConfigError naming the key, its place and the nearest right name.

    `config` is a file (default: hot.toml in the working folder, when there is one), `sets` are `section.key=value`,
    `base` takes the place of file and environment (the values of a run record).
    """
    given: dict[str, tuple[Any, str]] = {}
    if base is not None:
        given.update({key: (value, "run") for key, value in base.items()})
    else:
        given.update(_from_file(config))
        given.update(_from_env(os.environ if env is None else env))
    given.update(_from_sets(sets))
    return Settings(given)


def known_keys(strategy: str) -> dict[str, tuple[Any, Any]]:
    """Gives every key with its type and default; strategies' keys stand under their own names."""
    keys = _core_keys()
    for name in {*catalog.names("strategies"), strategy}:
        cls = catalog.load("strategies", name)
        keys.update({f"{catalog.plug_name(name)}.{key}": kind for key, kind in _fields(cls).items()})
    for name in catalog.names("rules"):
        keys.update({f"rules.{name}.{key}": kind for key, kind in _fields(catalog.load("rules", name)).items()})
    return keys


def _core_keys() -> dict[str, tuple[Any, Any]]:
    return {f"{section}.{name}": kind for section, cls in _SECTIONS.items() for name, kind in _fields(cls).items()}


def _fields(cls: type[Any]) -> dict[str, tuple[Any, Any]]:
    if issubclass(cls, msgspec.Struct):
        return {f.name: (f.type, f.default) for f in msgspec.structs.fields(cls)}
    import dataclasses

    hints = get_type_hints(cls, include_extras=True)
    return {f.name: (hints[f.name], f.default) for f in dataclasses.fields(cls)}


def _from_file(config: Path | None) -> dict[str, tuple[Any, str]]:
    import tomllib

    path = config if config is not None else Path(CONFIG_FILE)
    if not path.is_file():
        if path.is_dir():
            raise ConfigError(f"{path} is a folder, not a settings file: name a file with --config")
        if config is not None:
            raise ConfigError(f"no config file {path}: hot config init writes one with every default")
        return {}
    try:
        text = path.read_text(encoding="utf-8")
        tables = tomllib.loads(text)
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not TOML: it is no text in UTF-8") from None
    except (ValueError, RecursionError) as error:  # also a number of thousands of digits
        raise ConfigError(f"{path} is not TOML: {error}") from None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    return {key: (value, _place(path, text, key)) for key, value in _flat(tables).items()}


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            out.update(_flat(value, f"{prefix}{key}."))
        else:
            out[f"{prefix}{key}"] = value
    return out


def _place(path: Path, text: str, key: str) -> str:
    section = key.rpartition(".")[0]
    here = ""
    for number, line in enumerate(text.splitlines(), 1):
        table = re.match(r"\s*\[([^\]]+)\]", line)
        if table:
            here = table.group(1).strip()
        found = re.match(r"\s*([\w.\"-]+)\s*=", line)
        if found and f"{here}.{found.group(1)}".strip(".") == key:
            return f"{path}:{number}"
    return f"{path} [{section}]"


def _from_env(env: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    out: dict[str, tuple[Any, str]] = {}
    for name in sorted(env):
        if name.startswith(ENV_PREFIX) and "__" in name and not name.startswith(_NOT_SETTINGS):
            key = name[len(ENV_PREFIX) :].lower().replace("__", ".")
            out[key] = (_value(env[name]), f"environment {name}")
    return out


def _from_sets(sets: Sequence[str]) -> dict[str, tuple[Any, str]]:
    out: dict[str, tuple[Any, str]] = {}
    for item in sets:
        key, equals, text = item.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--set {item!r}: write it as section.key=value")
        out[key.strip()] = (_value(text.strip()), "--set")
    return out


def _value(text: str) -> Any:
    import tomllib

    try:
        return tomllib.loads(f"x = {text}")["x"]
    except (ValueError, RecursionError):  # also a number of thousands of digits
        return text


def _exact(value: Any) -> Any:
    """Gives a value as JSON that every jq prints unchanged: floats as figures, or as text where that would round."""
    if isinstance(value, float):
        rounded = figure(value)
        return rounded if rounded == value else repr(value)
    return [_exact(item) for item in value] if isinstance(value, list | tuple) else value


def _convert(key: str, value: Any, kind: Any, origin: str) -> Any:
    if isinstance(value, str) and str(kind).startswith("tuple[str"):
        value = tuple(part.strip() for part in value.split(",") if part.strip())
    try:
        converted = msgspec.convert(value, kind, strict=False)
        check_number(converted, kind)
    except ValueError as error:
        raise ConfigError(f"setting {key} = {repr(value)[:_SHOWN]} ({origin}): {in_words(str(error))}") from None
    return converted
