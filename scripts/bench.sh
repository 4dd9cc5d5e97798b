#!/usr/bin/env bash
# Builds the release binary and measures it; see scripts/bench.py.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --locked -p millrace
exec python3 scripts/bench.py "$@"
