# shellcheck shell=bash
# Validates what is written for docker, Kubernetes, systemd and Prometheus. Part of scripts/stack.sh.
#
# A validator that finds nothing proves nothing by itself, so each one is also given a copy with a fault
# and has to find it.

# Fails when a validator accepts a file with a fault in it.
refuses() {
    local what=$1
    shift
    if "$@" >/dev/null 2>&1; then
        fail "$what: the validator accepts a planted fault"
    fi
}

# A copy of a file with a fault, made by a sed script that must change something.
planted() {
    local file=$1 script=$2 copy
    copy=$STACK/planted/$(basename "$file")
    mkdir -p "$STACK/planted"
    sed "$script" "$file" >"$copy"
    if cmp -s "$file" "$copy"; then
        fail "nothing to plant a fault into: $script in $file"
    fi
    echo "$copy"
}

schema_of_compose() { "$STACK/venv/bin/check-jsonschema" --builtin-schema vendor.compose-spec "$@"; }

# What compose makes of files together, with words for the secrets.
merged() {
    local files=() file
    for file in "$@"; do files+=(--file "$file"); done
    POSTGRES_PASSWORD=x TEMPORAL_POSTGRES_PASSWORD=x S3_ACCESS_KEY=x S3_SECRET_KEY=x METRICS_TOKEN=x \
        GRAFANA_PASSWORD=x SECRET_KEY_FILE=/dev/null METRICS_TOKEN_FILE=/dev/null \
        docker compose "${files[@]}" config
}

check_compose() {
    local small=docker-compose.yml full=transcoding-engine-stack/docker-compose.yml faulty
    schema_of_compose "$small" "$full" transcoding-engine-stack/compose.here.yml >/dev/null
    mkdir -p "$STACK/merged"
    merged "$small" >"$STACK/merged/small.yml"
    merged "$small" compose.minio.yml >"$STACK/merged/minio.yml"
    merged "$full" transcoding-engine-stack/compose.here.yml >"$STACK/merged/full.yml"
    schema_of_compose "$STACK"/merged/*.yml >/dev/null
    faulty=$(planted "$small" '0,/healthcheck:/s//healthchek:/')
    refuses "compose schema" schema_of_compose "$faulty"
    refuses "docker compose config" merged "$faulty"
    say "compose files: valid, alone and merged"
}

check_dockerfiles() {
    "$STACK/venv/bin/hadolint" Dockerfile deploy/here/*.Dockerfile
    refuses hadolint "$STACK/venv/bin/hadolint" "$(planted Dockerfile 's/ffmpeg=7:5.1.\*/ffmpeg/')"
    # It would have the builder pull an image before anything else.
    if grep -n '^# *syntax=' Dockerfile deploy/here/*.Dockerfile; then
        fail "a Dockerfile names a frontend image"
    fi
    say "Dockerfiles: valid"
}

# Unknown kinds only warn, so no other kind than KEDA's may be unknown.
valid_kubernetes() {
    local said
    said=$("$STACK/venv/bin/kubernetes-validate" --strict --quiet -k 1.37 "$1" 2>&1) || { echo "$said" >&2; return 1; }
    ! grep -v 'kind ScaledObject with api version keda.sh/v1alpha1' <<<"$said" | grep . >&2
}

valid_keda() {
    "$STACK/venv/bin/python3" -c 'import json, sys, yaml; json.dump([*yaml.safe_load_all(open(sys.argv[1]))], sys.stdout)' \
        "$1" >"$1.json" || return 1
    KEDA_PACKAGES=$STACK/keda node scripts/stack/keda/check.mjs "$1.json"
}

check_kubernetes() {
    local overlay built=$STACK/kubernetes
    mkdir -p "$built"
    for overlay in small autoscaled; do
        "$STACK/venv/bin/kubectl" kustomize "deploy/k8s/overlays/$overlay" >"$built/$overlay.yaml"
        valid_kubernetes "$built/$overlay.yaml"
    done
    refuses "kubernetes-validate" valid_kubernetes "$(planted "$built/small.yaml" 's/readOnlyRootFilesystem/readOnlyRootFilesystme/')"
    refuses "kubernetes-validate" valid_kubernetes "$(planted "$built/small.yaml" 's/kind: Ingress/kind: Ingres/')"
    rm -rf "$STACK/planted/k8s"
    mkdir -p "$STACK/planted"
    cp -r deploy/k8s "$STACK/planted/k8s"
    sed -i 's/- workers.yaml/- worker.yaml/' "$STACK/planted/k8s/base/kustomization.yaml"
    refuses "kustomize" "$STACK/venv/bin/kubectl" kustomize "$STACK/planted/k8s/overlays/small"
    if ! command -v npm >/dev/null; then
        [ -z "${CI:-}" ] || fail "KEDA's schema needs npm"
        say "Kubernetes: valid; NOT CHECKED: KEDA's schema, as there is no npm"
        return
    fi
    if ! cmp -s scripts/stack/keda/package-lock.json "$STACK/keda/.installed"; then
        mkdir -p "$STACK/keda"
        cp scripts/stack/keda/package*.json "$STACK/keda"
        (cd "$STACK/keda" && npm ci --silent --ignore-scripts --no-audit --no-fund)
        cp scripts/stack/keda/package-lock.json "$STACK/keda/.installed"
    fi
    valid_keda "$built/autoscaled.yaml"
    local fault
    for fault in 's/maxReplicaCount: 50/maxReplicaCount: fifty/' 's/targetQueueSize: "2"/targetQueueSise: "2"/' \
        's/taskQueue: scenes/taskQueue: scene/' 's/queueTypes: activity/queueTypes: activities/'; do
        refuses "KEDA ($fault)" valid_keda "$(planted "$built/autoscaled.yaml" "$fault")"
    done
    say "Kubernetes: both overlays valid, and KEDA's objects"
}

# Whatever it prints is a fault: for an unknown key it ends with success.
valid_units() {
    local said
    said=$(systemd-analyze verify --man=no "$@" 2>&1) || { echo "$said" >&2; return 1; }
    [ -z "$said" ] || { echo "$said" >&2; return 1; }
}

exposed_little() { systemd-analyze security --offline=true --threshold=25 "$1"; }

check_systemd() {
    if ! command -v systemd-analyze >/dev/null; then
        [ -z "${CI:-}" ] || fail "systemd's units need systemd-analyze"
        say "systemd: NOT CHECKED, as there is no systemd-analyze"
        return
    fi
    # The program of the units need not be installed here.
    local units=$STACK/units unit
    rm -rf "$units"
    mkdir -p "$units"
    for unit in millrace-api.service millrace-worker@.service millrace.target; do
        sed 's#/usr/local/bin/millrace#/bin/true#' "deploy/systemd/$unit" >"$units/$unit"
    done
    cp "$units/millrace-worker@.service" "$units/millrace-worker@transcode.service"
    valid_units "$units"/*
    for unit in millrace-api millrace-worker@transcode; do
        exposed_little "$units/$unit.service" >/dev/null || fail "$unit is exposed more than 2.5"
    done
    unit=$units/millrace-api.service
    refuses "systemd-analyze verify" valid_units "$(planted "$unit" s/NoNewPrivileges/NoNewPrivilegs/)"
    refuses "systemd-analyze security" exposed_little "$(planted "$unit" '/^\(Protect\|Private\|Restrict\|SystemCall\|Capab\)/d')"
    say "systemd: units valid, and exposed no more than 2.5"
}

check_files() {
    install_python_tools
    check_dockerfiles
    if [ -x /usr/bin/docker ]; then
        install_compose
        check_compose
    fi
    check_kubernetes
    check_systemd
    check_alerts_are_tested
}

check_alerts_are_tested() {
    local alert
    sed -n 's/.*- alert: //p' deploy/prometheus/alerts.yml | while read -r alert; do
        grep -q "alertname: $alert" deploy/prometheus/alerts.test.yml || fail "no test of the alert $alert"
        grep -q "$alert" docs/deploy.md || fail "docs/deploy.md does not say what to do about $alert"
    done
}

promtool() {
    docker run --rm --network none --volume "$1:/rules:ro" --volume "$STACK/secrets/metrics.token:/run/secrets/metrics-token:ro" \
        --workdir /rules --entrypoint promtool millrace-here/prometheus:2.42 "${@:2}"
}

# What needs an image: Prometheus' own tool.
check_in_images() {
    promtool "$PWD/deploy/prometheus" check config prometheus.yml >/dev/null
    promtool "$PWD/deploy/prometheus" test rules alerts.test.yml >/dev/null
    local faulty=$STACK/planted/rules
    mkdir -p "$faulty"
    cp deploy/prometheus/* "$faulty"
    sed -i 's/> 0.05/> 0.5/' "$faulty/alerts.yml"
    refuses "promtool test rules" promtool "$faulty" test rules alerts.test.yml
    sed -i 's/scrape_interval/scrape_intervall/' "$faulty/prometheus.yml"
    refuses "promtool check config" promtool "$faulty" check config prometheus.yml
    say "Prometheus: configuration valid, every alert tested"
}
