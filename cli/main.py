"""The command `hot`: its subcommands in the order of the help page, loaded only when they are called."""

import gc
import importlib
import io
import os
import signal
import sys
from typing import Any

# Plain help and no tracebacks for people: rich would be imported by every command otherwise.
os.environ.setdefault("TYPER_USE_RICH", "0")

import typer
from typer.core import TyperCommand, TyperGroup

from cli.terminal import escaped, settle
from engine.errors import EXIT_MEANING, Exit, HotError, UsageError

#: name, module, one line for the help page.
COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("scan", "scan", "Watch the whole market: anomalies and candidates that heat up."),
    ("rank", "rank", "Score each candidate's heat in six dimensions and keep the top."),
    ("signal", "signal", "Ask the strategy about each ranked candidate, on several timeframes."),
    ("precheck", "precheck", "Hold each signal against the exchange's filters and the risk rules."),
    ("order", "order", "Trade what passed, on paper; leave positions by their plans."),
    ("run", "run", "The whole pipe in one process, once over its market."),
    ("backtest", "backtest", "The whole pipe over a recorded market, in memory: results in a folder."),
    ("sweep", "sweep", "Backtests with many settings; says whether the best is more than luck."),
    ("daemon", "daemon", "The whole pipe in one process, on a schedule, until it is stopped."),
    ("sync", "sync", "Compare a live ledger with the account at the exchange, and book what differs."),
    ("flatten", "flatten", "Cancel every order and close every position of the account, now."),
    ("demo", "demo", "Run the bundled session and show what came of it."),
    ("report", "report", "Trades, profit, drawdown, refusals and heat: table, JSON, CSV or HTML."),
    ("why", "why", "Tell the whole trail of one symbol at one time: why traded, or why not."),
    ("replay", "replay", "Think again over recorded facts, and compare with what was written."),
    ("explain", "explain", "Explain a reason code."),
    ("status", "status", "Engine state, risk, pool, positions and precheck statistics."),
    ("positions", "positions", "List open positions."),
    ("trades", "trades", "List fills and closed trades."),
    ("balance", "balance", "List what the account at the exchange holds."),
    ("price", "price", "Ask the live market for last prices."),
    ("symbols", "symbols", "List what the live market lists, with its rules."),
    ("halt", "halt", "Stop new entries, in every process on the ledger."),
    ("resume", "resume", "Allow entries again."),
    ("ledger", "ledger", "Verify, back up, export, prune a ledger, or print its path."),
    ("record", "record", "Write a market's facts into a folder, to be replayed; or candles of coins that moved."),
    ("venue", "venue", "Serve a venue on loopback that speaks the exchange's protocols, without money."),
    ("import", "import_", "Turn exchange files and recorded frames into market records."),
    ("store", "store", "List, fill and check a market store: columns on disk."),
    ("cache", "cache", "List the candles that live markets keep on disk, and what that spared."),
    ("schema", "schema", "Print the JSON Schema of a kind of record."),
    ("config", "config", "Show settings with where each came from, or write them all to a file."),
    ("doctor", "doctor", "Check the installation, the settings, the ledger and the market."),
)
_MODULES = {name: module for name, module, _ in COMMANDS}
_HELP = {name: text for name, _, text in COMMANDS}


class LazyGroup(TyperGroup):
    """Lists every subcommand, imports one."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """Gives the names in the order of the help page."""
        return list(_MODULES)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        """Gives one command: the real one when it is being called, a stub for help pages and completion of names."""
        if cmd_name not in _MODULES:
            return None
        if cmd_name not in sys.argv and "_HOT_COMPLETE" not in os.environ:
            return TyperCommand(cmd_name, help=_HELP[cmd_name], short_help=_HELP[cmd_name])
        module = _imported(f"cli.commands.{_MODULES[cmd_name]}")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command

    # The library's own contexts are of a class that it does not tell the types of; `invoke` below has the same.
    def resolve_command(self, ctx: typer.Context, args: list[str]) -> Any:  # type: ignore[override]
        """Finds the command that is called; names the nearest one where there is none."""
        word = args[0]
        if word not in _MODULES and not word.startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(word.lower(), _MODULES, 1)
            ctx.fail(f"No such command {word[:40]!r}: " + (f"did you mean {near[0]}?" if near else "hot -h lists all."))
        return super().resolve_command(ctx, args)

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Reads the command line, and prints the help page where that is asked for."""
        try:
            return super().make_context(*args, **kwargs)
        except BrokenPipeError:
            raise ReaderGone from None

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Runs the command; a reader that has gone is said in our own words, or the library would exit with 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise ReaderGone from None


def _imported(name: str) -> Any:
    """Imports a module. What is imported stays: the collector need not look for garbage in it, now or later."""
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.freeze()
        gc.enable()


class ReaderGone(Exception):
    """Whoever read the output has closed it: `hot scan | head -1` is no error."""


def _epilog() -> str:
    codes = "; ".join(f"{code.value} {text}" for code, text in EXIT_MEANING.items() if code != Exit.SIGNAL)
    return f"Exit codes: {codes}; {EXIT_MEANING[Exit.SIGNAL]}."


app = typer.Typer(
    cls=LazyGroup,
    help="Find coins that are heating up, decide, trade on paper under layered risk control, and prove why.",
    epilog=_epilog(),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from engine.runs.version import VERSION

        typer.echo(f"hot {VERSION}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", help="Print the version and leave.", is_eager=True, callback=_version
    ),
) -> None:
    """Takes the options that stand before a command."""


def main() -> None:
    """Runs a command; every known error is one line on stderr and its exit code, a closed pipe is success."""
    settle()
    _hear_interrupts()
    if os.environ.get("HOT_DEBUG"):
        from cli.logs import show_logs

        show_logs()
    try:
        _check_words()
        code = app(standalone_mode=False)
    except Exception as error:
        code = _told(error)
    except KeyboardInterrupt:
        code = Exit.SIGNAL + 2
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _close_quietly()
    except OSError as error:
        code = code or _told(error)
        _close_quietly()
    sys.exit(int(code or 0))


def _hear_interrupts() -> None:
    """Has SIGINT end every command alike, also where a shell without job control began it with `&`, deaf to it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _check_words() -> None:
    """Raises UsageError for words of ours that are not UTF-8: none of them could stand in a record."""
    given = [("the command line", word) for word in sys.argv[1:]]
    given += [(name, value) for name, value in os.environ.items() if name.startswith("HOT_")]
    for where, word in given:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise UsageError(f"{where}: {word!r} is not UTF-8: rename it, or write it in UTF-8") from None


def _told(error: Exception) -> int:
    if isinstance(error, BrokenPipeError | ReaderGone):
        _close_quietly()
        return Exit.OK
    if isinstance(error, HotError):
        _say(str(error))
        return error.code
    if isinstance(error, typer.Exit):
        return error.exit_code
    if isinstance(error, typer.Abort):
        return Exit.SIGNAL + 2
    if hasattr(error, "show") and hasattr(error, "exit_code"):  # the command line's own usage errors
        told = io.StringIO()
        error.show(told)
        sys.stderr.write(escaped(told.getvalue()))
        return int(error.exit_code)
    if isinstance(error, OSError):
        _say(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
        return Exit.LEDGER
    if os.environ.get("HOT_DEBUG"):
        raise error
    _say(f"a bug in hot: {type(error).__name__}: {error}; HOT_DEBUG=1 shows the stack")
    return Exit.BUG


def _say(text: str) -> None:
    from cli.show import safe

    print(f"hot: {safe(text)}", file=sys.stderr)  # noqa: T201 - stderr is where people are spoken to


def _close_quietly() -> None:
    # Python flushes stdout once more at exit; with the reader gone that would print a traceback.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
