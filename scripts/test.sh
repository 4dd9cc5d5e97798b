#!/usr/bin/env bash
# Runs every test: by cargo-nextest where it is installed, by cargo alone where it is not.
set -euo pipefail
cd "$(dirname "$0")/.."
# These are extra, in CI too: they pass where their files are missing, so say it where it is read.
without=()
[ -d "${MILLRACE_CORPUS:-../shared/media}" ] || without+=("real media (MILLRACE_CORPUS)")
[ -d "${MILLRACE_FAULTS:-../shared/faults}" ] || without+=("files that once came out wrong (MILLRACE_FAULTS)")
say_what_is_missing() {
    for what in "${without[@]}"; do
        echo "tests: NOT RUN: $what: there is no such folder" >&2
        if [ -n "${GITHUB_ACTIONS:-}" ]; then
            echo "::warning title=Tests not run::$what: there is no such folder"
        fi
    done
}
trap say_what_is_missing EXIT

if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --workspace --locked
    exit
fi
cargo test --workspace --locked --no-fail-fast
