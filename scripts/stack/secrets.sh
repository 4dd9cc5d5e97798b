# shellcheck shell=bash
# Makes the secrets of a stack. Part of scripts/stack.sh.

random_hex() { od -An -N "$1" -tx1 /dev/urandom | tr -d ' \n'; }

# Writes a stack's secrets into a folder, unless they are there. The folder is closed to other users; its
# files are readable, since a container reads them as a user of its own.
write_secrets() {
    local folder=$1
    if [ -f "$folder/env" ]; then
        return
    fi
    mkdir -p "$folder"
    chmod 700 "$folder"
    head -c 32 /dev/urandom | base64 >"$folder/secret.key"
    random_hex 20 >"$folder/metrics.token"
    chmod 444 "$folder/secret.key" "$folder/metrics.token"
    folder=$(cd "$folder" && pwd)
    (umask 077 && cat >"$folder/env.new") <<ENV
# Made by \`make stack-init\`. What is here is secret, and lost with it is what it protects.
POSTGRES_PASSWORD=$(random_hex 20)
TEMPORAL_POSTGRES_PASSWORD=$(random_hex 20)
S3_ACCESS_KEY=millrace
S3_SECRET_KEY=$(random_hex 20)
GRAFANA_PASSWORD=$(random_hex 10)
METRICS_TOKEN=$(cat "$folder/metrics.token")
METRICS_TOKEN_FILE=$folder/metrics.token
SECRET_KEY_FILE=$folder/secret.key
ENV
    mv "$folder/env.new" "$folder/env"
}

# The secrets of a user's own stack, where both compose files look for them.
init() {
    write_secrets .stack
    local place
    for place in .env transcoding-engine-stack/.env; do
        if [ -e "$place" ]; then
            say "$place is there, and stays as it is"
        else
            cp .stack/env "$place"
            say "wrote $place"
        fi
    done
}
