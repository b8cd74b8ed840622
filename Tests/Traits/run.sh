#!/usr/bin/env bash
# Builds the programs without TIFF and WebP, and without anything that is fetched, and asks them about what is missing.
#
#     Tests/Traits/run.sh [SCRATCH]
#
# Debug builds in a folder of their own (.build-traits): what is tested is that they build, link and say how to get more.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
scratch=${1:-$root/.build-traits}
cd "$root"

fail() { echo "traits: $*"; exit 1; }

# expect CODE WORDS COMMAND...: the command ends with the code, and says the words.
expect() {
    local code=$1 words=$2 said got=0
    shift 2
    said=$("$@" 2>&1) || got=$?
    [ "$got" = "$code" ] || fail "$* ended with $got, not $code: $said"
    case $said in *"$words"*) ;; *) fail "$* did not say \"$words\": $said" ;; esac
}

kinds=Tests/Fixtures/picture-kinds
swift build --scratch-path "$scratch" --traits Commands --product pretrain
program=$scratch/debug/pretrain
for library in tiff webp; do
    if ldd "$program" | grep "lib$library"; then fail "a program without the trait is linked with lib$library"; fi
done
expect 65 "--traits Commands,TIFF,WebP" "$program" data inspect "$kinds/u8.tif"
expect 65 "libtiff-dev" "$program" data inspect "$kinds/u8.tif"
expect 65 "libwebp-dev" "$program" data inspect "$kinds/lossy.webp"
expect 0 "npy, 5 x 3, gray, 16 bit" "$program" data inspect "$kinds/u2.npy"

swift build --scratch-path "$scratch" --disable-default-traits
for name in pretrain bench; do
    expect 69 "--traits Commands" "$scratch/debug/$name"
done
echo "traits: built without TIFF and WebP, and without commands; both say what is missing"
