#!/usr/bin/env bash
# Builds the example packages as anybody else would, sees that they need no package but this one, and runs every program.
# What a program prints is shown only where it fails.
set -euo pipefail
cd "$(dirname "$0")"
output=$(mktemp -d)
trap 'rm -rf "$output"' EXIT

# From nothing, so that nothing fetched earlier hides a fetch, or its absence.
rm -rf MasksOnly/.build MasksOnly/Package.resolved

build() {
    swift build -c release --quiet --package-path "$1"
    local found
    found=$(ls -A "$1/.build/checkouts" 2>/dev/null; grep '"identity"' "$1/Package.resolved" 2>/dev/null || true)
    [ -z "$found" ] && return
    echo "Examples/$1 brought other packages along:" >&2
    echo "$found" >&2
    exit 1
}

run() {
    local package=$1 program=$2
    shift 2
    if "$package/.build/release/$program" "$@" >"$output/text" 2>&1; then
        echo "Examples/$package: $program runs"
    else
        cat "$output/text" >&2
        echo "Examples/$package: $program failed" >&2
        exit 1
    fi
}

build MasksOnly
run MasksOnly MasksOnly
build Programs
run Programs OwnPrimitive
run Programs OwnStrategy "$output/columns"
run Programs Features
