#!/bin/sh
# Makes the namespace that Millrace works in, unless it is there.
set -eu
for try in 1 2 3 4 5 6 7 8 9 10 11 12; do
    temporal operator cluster health && break
    [ "$try" -lt 12 ] || { echo "namespace: no healthy server at $TEMPORAL_ADDRESS" >&2; exit 1; }
    sleep 5
done
temporal operator namespace describe --namespace "$NAMESPACE" >/dev/null 2>&1 ||
    temporal operator namespace create --namespace "$NAMESPACE" --retention 72h
