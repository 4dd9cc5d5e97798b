# shellcheck shell=bash
# Makes the images that both stacks run. Part of scripts/stack.sh.
#
# No image can be pulled where this runs in CI, so the base is made from Debian's packages, and deploy/here/
# has what stands in for other projects' images. An image is made again when what it is made from changes.

has_image() { docker image inspect "$1" >/dev/null 2>&1; }

# `debian:bookworm-slim`, as near as Debian's own packages come to it.
build_base() {
    if has_image debian:bookworm-slim; then
        return
    fi
    say "image: debian:bookworm-slim, from Debian's packages"
    mmdebstrap --quiet --variant=minbase --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        bookworm "$STACK/base.tar"
    docker import "$STACK/base.tar" debian:bookworm-slim >/dev/null
    rm "$STACK/base.tar"
}

# An image of deploy/here/ under the name that the compose files know, with a program from the tools.
build_stand_in() {
    local name=$1 image=$2 program=${3:-} wanted
    wanted=$(cat "deploy/here/$name.Dockerfile" deploy/here/*.sh "$STACK_LOCK" | cksum | tr -d ' ')
    if [ "$(docker image inspect --format '{{index .Config.Labels "made-from"}}' "$image" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    say "image: $image stands in"
    local context=$STACK/context
    rm -rf "$context"
    mkdir "$context"
    cp deploy/here/*.sh "$context"
    [ -z "$program" ] || cp "$STACK/venv/bin/$program" "$context"
    DOCKER_BUILDKIT=0 docker build --quiet --label "made-from=$wanted" --tag "$image" \
        --file "deploy/here/$name.Dockerfile" "$context" >/dev/null
    rm -r "$context"
}

# The product, from the binary that is tested: the one given, or a release build.
build_product() {
    local binary=${BINARY:-}
    if [ -z "$binary" ]; then
        binary=${CARGO_TARGET_DIR:-target}/release/millrace
        say "building $binary"
        cargo build --locked --release --package millrace
    fi
    mkdir -p dist
    strip -o dist/millrace "$binary"
    say "image: millrace:local, with a binary of $(($(stat -c %s dist/millrace) >> 20)) MiB"
    DOCKER_BUILDKIT=1 docker build --quiet --build-arg BINARY=prebuilt --tag millrace:local . >/dev/null
    local size
    size=$(($(docker image inspect --format '{{.Size}}' millrace:local) / 1000000))
    say "image: millrace:local has $size MB"
    [ "$size" -le 500 ] || fail "the image of the product has more than 500 MB"
}

# A machine with systemd and the product, for the units.
build_machine() {
    say "image: millrace-here/systemd:252"
    DOCKER_BUILDKIT=0 docker build --quiet --tag millrace-here/systemd:252 \
        --file deploy/here/systemd.Dockerfile deploy/systemd >/dev/null
}

build_images() {
    local begin=$SECONDS
    build_base
    build_stand_in temporal temporalio/temporal:1.9.1 temporal
    build_stand_in seaweedfs chrislusf/seaweedfs:4.48 weed
    build_stand_in postgres postgres:15
    build_stand_in prometheus millrace-here/prometheus:2.42
    build_product
    build_machine
    say "images: made in $((SECONDS - begin)) s"
}
