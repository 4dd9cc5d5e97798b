# shellcheck shell=bash
# Fetches the pinned tools that are no part of Debian 12. Part of scripts/stack.sh.

readonly STACK_LOCK=scripts/requirements-stack.txt

# A Python of the stack's own, with what the lock names, checked by its hashes.
install_python_tools() {
    local stamp=$STACK/venv/.installed wanted
    wanted=$(cksum <"$STACK_LOCK")
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
        return
    fi
    mkdir -p "$STACK"
    say "python tools: installing into $STACK/venv (checked by their hashes)"
    python3 -m venv --clear "$STACK/venv"
    "$STACK/venv/bin/python3" -m pip --disable-pip-version-check install --quiet --only-binary :all: \
        --require-hashes --requirement "$STACK_LOCK"
    printf '%s\n' "$wanted" >"$stamp"
}

# Compose and buildx of the next Debian, unpacked and not installed: they need no more than libc.
install_compose() {
    if [ -x "$DOCKER_CONFIG/cli-plugins/docker-compose" ]; then
        return
    fi
    say "docker compose: unpacking Debian's 2.26.1"
    local apt=$STACK/apt
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/packages"
    echo 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main' \
        >"$apt/sources.list"
    cat >"$apt/apt.conf" <<CONF
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "$apt/lists";
Dir::Cache "$apt/cache";
APT::Sandbox::User "root";
CONF
    APT_CONFIG=$apt/apt.conf apt-get update -qq
    (cd "$apt/packages" &&
        APT_CONFIG=$apt/apt.conf apt-get download -qq 'docker-compose=2.26.1-*' 'docker-buildx=0.13.1+*')
    local package
    for package in "$apt"/packages/*.deb; do
        dpkg-deb -x "$package" "$apt/unpacked"
    done
    install -D -t "$DOCKER_CONFIG/cli-plugins" "$apt"/unpacked/usr/libexec/docker/cli-plugins/*
    rm -r "$apt"
}
