#!/usr/bin/env bash
# Turns the clip that ships with the project into HLS and checks the result from outside.
# Short chunks, so that the video has joints to look at.
set -euo pipefail
cd "$(dirname "$0")/.."
clip=crates/fixtures/clips/demo.mp4
out=output/demo
millrace=${CARGO_TARGET_DIR:-target}/debug/millrace

# Before the tree is removed: a run that was interrupted is continued, one that ended is made again.
if [ -f "$out/master.m3u8" ]; then
    rm -rf "$out"
fi
# The program's own tools come first, as scripts/setup.sh found them.
PATH=$PATH:$PWD/.tools/bin MILLRACE_CHUNK_SECONDS=6 "$millrace" transcode "$clip" -o "$out"
master=$(find "$out" -name master.m3u8 -print -quit)
[ -n "$master" ] || { echo "demo: $out holds no master.m3u8" >&2; exit 1; }

echo
python3 scripts/check_output.py "$clip" "$master"
cat <<EOT

Play it:
  vlc $master
  ffplay $master
In a browser: start \`$millrace up\`, then post a video as README.md shows.
EOT
