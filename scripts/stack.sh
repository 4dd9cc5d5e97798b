#!/usr/bin/env bash
# Runs the compose files of this project, for real, on an engine of its own.
#   scripts/stack.sh init   writes .env and the keys that `docker compose up` needs; keeps those there are
#   scripts/stack.sh check  validates the files of docker, Kubernetes and systemd
#   scripts/stack.sh test   `check`, then builds the images, and makes videos on both stacks while their
#                           services are killed; BINARY=FILE is the binary to test
# Engine, images and tools stay in $MILLRACE_STACK (~/.cache/millrace-stack) for the next run. `test` needs root
# on Debian. Where it cannot run it says why; in CI that is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly STACK=${MILLRACE_STACK:-${XDG_CACHE_HOME:-$HOME/.cache}/millrace-stack}
for part in secrets tools engine images check; do
    # shellcheck source=/dev/null
    . "scripts/stack/$part.sh"
done

say() { printf 'stack: %s\n' "$*"; }
fail() { printf 'stack: %s\n' "$*" >&2; exit 1; }

# Says why nothing is tested; in CI, where it must be, fails.
skip() {
    [ -z "${CI:-}" ] || fail "cannot run in CI: $*"
    say "skipped: $*"
    exit 0
}

need_root_on_debian() {
    [ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || skip "the pinned tools are for Linux on x86-64"
    [ "$(id -u)" -eq 0 ] || skip "starting an engine needs root"
    command -v apt-get >/dev/null || skip "the engine comes from Debian's packages"
}

run_test() {
    local begin=$SECONDS
    need_root_on_debian
    check_files
    install_engine
    # Whatever happens, nothing of ours keeps running.
    trap stop_engine EXIT
    start_engine
    build_images
    write_secrets "$STACK/secrets"
    check_in_images
    # Python's own bytecode would be files in the tree.
    export PYTHONDONTWRITEBYTECODE=1
    scripts/stack/test.py small "$STACK/secrets/env"
    scripts/stack/test.py full "$STACK/secrets/env"
    say "everything passed in $((SECONDS - begin)) s"
}

case "${1:-}" in
    init) init ;;
    check) check_files ;;
    test) run_test ;;
    *) fail "usage: scripts/stack.sh init|check|test" ;;
esac
