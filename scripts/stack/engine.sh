# shellcheck shell=bash
# Installs, starts and ends an engine with a socket and a data folder of its own. Part of scripts/stack.sh.

export DOCKER_HOST=unix://$STACK/engine/docker.sock DOCKER_CONFIG=$STACK/docker
# Debian's client: another one on PATH may lack what the engine needs.
docker() { /usr/bin/docker "$@"; }

install_engine() {
    local missing=() program
    for program in dockerd:docker.io iptables:iptables mmdebstrap:mmdebstrap ffmpeg:ffmpeg python3:python3; do
        command -v "${program%%:*}" >/dev/null || missing+=("${program#*:}")
    done
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    if [ "${#missing[@]}" -gt 0 ]; then
        say "installing ${missing[*]} with apt-get"
        local policy=/usr/sbin/policy-rc.d ours=
        # Debian starts the engine it has installed, as the machine's own, unless it is told not to.
        if [ ! -e "$policy" ]; then
            ours=$policy
            printf '#!/bin/sh\nexit 101\n' >"$policy"
            chmod +x "$policy"
        fi
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
        [ -z "$ours" ] || rm "$ours"
    fi
    install_compose
    install_python_tools
}

start_engine() {
    local folder=$STACK/engine
    if ip link show docker0 >/dev/null 2>&1; then
        fail "another docker engine has its network here (docker0): end it first"
    fi
    mkdir -p "$folder"
    cat >"$folder/daemon.json" <<JSON
{"data-root": "$folder/data", "exec-root": "$folder/exec", "pidfile": "$folder/pid",
 "hosts": ["unix://$folder/docker.sock"]}
JSON
    forwarding=$(cat /proc/sys/net/ipv4/ip_forward)
    forward_policy=$(iptables -S FORWARD | sed -n 's/^-P FORWARD //p')
    # Without a session of its own it would get the Ctrl-C that is meant for us.
    setsid dockerd --config-file "$folder/daemon.json" >"$folder/log" 2>&1 &
    engine=$!
    local tries=0
    until docker info >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ "$tries" -gt 120 ] || ! kill -0 "$engine" 2>/dev/null; then
            fail "the engine does not start: $(tail -n 5 "$folder/log")"
        fi
        sleep 0.5
    done
    say "the engine is up: Docker $(docker info --format '{{.ServerVersion}}'), in $folder"
}

# Ends the engine and removes what it leaves in the machine's network.
stop_engine() {
    [ -n "${engine:-}" ] || return 0
    kill "$engine" 2>/dev/null || true
    wait "$engine" 2>/dev/null || true
    engine=
    ip link delete docker0 2>/dev/null || true
    remove_rules
    echo "$forwarding" >/proc/sys/net/ipv4/ip_forward
    say "the engine is ended"
}

# What the engine added to the tables: chains of its name, what jumps there, and what names its bridge.
remove_rules() {
    local table rule
    for table in nat filter; do
        iptables -t "$table" -S | sed -n '/^-A .*\(DOCKER\|docker0\)/s/^-A/-D/p' | while read -r rule; do
            # shellcheck disable=SC2086  # the rule is words
            iptables -t "$table" $rule || true
        done
        for rule in -F -X; do
            iptables -t "$table" -S | sed -n 's/^-N \(DOCKER.*\)/\1/p' | while read -r chain; do
                iptables -t "$table" "$rule" "$chain" || true
            done
        done
    done
    iptables -P FORWARD "$forward_policy"
}
