#!/usr/bin/env bash
# Checks what dependencies may be (deny.toml): licences, doubles and sources, and known faults where
# their database can be had. By the cargo-deny of PATH or of .tools/.
set -euo pipefail
cd "$(dirname "$0")/.."
deny=$(command -v cargo-deny || true)
[ -n "$deny" ] || deny=.tools/bin/cargo-deny
if [ ! -x "$deny" ]; then
    [ -z "${CI:-}" ] || { echo "check: cargo-deny is missing: scripts/setup.sh installs it" >&2; exit 1; }
    echo "check: NOT RUN: dependencies (deny.toml): there is no cargo-deny for this machine" >&2
    exit
fi
"$deny" --locked check --hide-inclusion-graph licenses bans sources
# The database of advisories is a repository on GitHub, which not every network reaches.
databases=${CARGO_HOME:-$HOME/.cargo}/advisory-dbs
timeout 60 "$deny" fetch db >/dev/null 2>&1 || true
if compgen -G "$databases/*/.git" >/dev/null; then
    "$deny" --locked check --hide-inclusion-graph --disable-fetch advisories
else
    echo "check: NOT RUN: advisories (deny.toml): their database cannot be fetched" >&2
    [ -z "${GITHUB_ACTIONS:-}" ] || echo "::warning title=Not checked::advisories of dependencies"
fi
