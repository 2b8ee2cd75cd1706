#!/usr/bin/env bash
# HotCoin as a shell pipe: each stage a process, a file could stand between any two of them.
# Usage: recipes/hotcoin.sh MARKET LEDGER
set -euo pipefail # a stage that dies must not look like an empty result

market=${1:?name a recording, as in examples/session}
ledger=${2:?name a ledger file}

hot scan --market "$market" --ledger "$ledger" --config "$(dirname "$0")/hotcoin.toml" |
  hot rank --require-end |
  hot signal --require-end |
  hot precheck --require-end |
  hot order --paper --require-end --ledger "$ledger" >/dev/null

hot report --ledger "$ledger" --table
