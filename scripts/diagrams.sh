#!/usr/bin/env bash
# Renders docs/diagrams/*.d2 to SVG. The same source gives the same bytes, so the pictures are committed.
#   scripts/diagrams.sh        format the sources and write the pictures
#   scripts/diagrams.sh check  fail where a source is not formatted or a picture is not its source's
set -euo pipefail
cd "$(dirname "$0")/../docs/diagrams"
d2=$PWD/../../.tools/bin/d2

# Shared classes: imported by the others, no picture of its own.
readonly STYLE=style.d2

if [ ! -x "$d2" ]; then
    [ -z "${CI:-}" ] || { echo "diagrams: d2 is missing: scripts/setup.sh docs installs it" >&2; exit 1; }
    echo "diagrams: NOT RUN: there is no d2 for this machine in scripts/requirements-docs.txt" >&2
    exit
fi

# render SOURCE PICTURE
render() {
    "$d2" --layout elk --theme 0 --pad 24 --elk-nodeNodeBetweenLayers 40 \
        --elk-padding '[top=50,left=30,bottom=30,right=30]' "$1" "$2" 2>"$2.log" || {
        cat "$2.log" >&2
        exit 1
    }
    rm "$2.log"
    chmod 644 "$2"
}

if [ "${1:-}" != check ]; then
    "$d2" fmt ./*.d2
    for source in *.d2; do
        [ "$source" = "$STYLE" ] || render "$source" "${source%.d2}.svg"
    done
    exit
fi

"$d2" fmt --check ./*.d2
# Go contracts multiplications and additions on AArch64, so positions may differ in the last digit.
if [ "$(uname -m)" != x86_64 ]; then
    echo "diagrams: pictures are compared on x86-64 only" >&2
    exit
fi
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
for source in *.d2; do
    [ "$source" = "$STYLE" ] && continue
    picture=${source%.d2}.svg
    render "$source" "$fresh/$picture"
    cmp -s "$picture" "$fresh/$picture" || {
        echo "diagrams: $picture is not what $source says: run \`make diagrams\`" >&2
        exit 1
    }
done
