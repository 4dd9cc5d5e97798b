#!/usr/bin/env bash
# Runs every test: by cargo-nextest where it is installed, by cargo alone where it is not.
set -euo pipefail
cd "$(dirname "$0")/.."
if cargo nextest --version >/dev/null 2>&1; then
    exec cargo nextest run --workspace --locked
fi
exec cargo test --workspace --locked --no-fail-fast
