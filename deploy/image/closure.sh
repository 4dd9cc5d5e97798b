#!/bin/sh
# Copies programs with everything they load when they start, as a tree for `COPY --from`.
#   closure.sh PACKAGES_OF_THE_BASE OUT PROGRAM...
# Also fonts, certificates, and for each package the record that vulnerability scanners read
# (/var/lib/dpkg/status.d, as in distroless images).
set -eu
base=$1 out=$2
shift 2

mkdir -p "$out/var/lib/dpkg/status.d"
work=$(mktemp -d)
# `/lib` is a link to `/usr/lib`, and a copy of the tree must not replace it by a folder.
ldd "$@" | awk '$2 == "=>" { print $3 }' | sed 's#^/lib#/usr/lib#' | sort -u >"$work/libraries"
if ldd "$@" | grep 'not found'; then
    echo "closure: a library is missing" >&2
    exit 1
fi

# A library of a package that the base has is there already, and in its right version.
keep() {
    package=$(dpkg-query -S "$(readlink -f "$1")" 2>/dev/null || dpkg-query -S "$(readlink -f "$1" | sed 's#^/usr##')")
    package=${package%%:*}
    grep -qx "$package" "$base" || printf '%s\t%s\n' "$package" "$1"
}
for program in "$@"; do printf 'ffmpeg\t%s\n' "$program"; done >"$work/kept"
while read -r library; do keep "$library"; done <"$work/libraries" >>"$work/kept"

# By the name under which it is loaded, whatever it links to: alternatives and versions are followed.
cut -f 2 "$work/kept" | while read -r file; do
    mkdir -p "$out$(dirname "$file")"
    cp -L "$file" "$out$file"
done
cp -a --parents /usr/share/fonts/truetype/dejavu /etc/fonts /usr/share/fontconfig /usr/share/ca-certificates \
    /etc/ssl/certs "$out"
for package in $(cut -f 1 "$work/kept" | sort -u) fonts-dejavu-core fontconfig-config ca-certificates; do
    dpkg-query -s "$package" >"$out/var/lib/dpkg/status.d/$package"
done
rm -r "$work"
du -sh "$out"
