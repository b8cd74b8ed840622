#!/usr/bin/env bash
# Fuzzes every reader of foreign bytes.
#
#     Tests/Fuzzing/run.sh [SECONDS [CODEC_RUNS [PARSER_RUNS]]]
#
# PNG, JPEG, TIFF, WebP and gunzip by libFuzzer with address checking, up to 10,000,000 inputs each; the parsers in Swift by a
# seeded mutator, up to 1,000,000 inputs each; each stops after SECONDS (3600). No input may crash, leak, or take over 256 MiB or
# a second of the processor; libFuzzer knows only the clock on the wall, and waits twenty for machines that do other things, too.
# What is found is left in Tests/Fuzzing/found, and becomes a test.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
seconds=${1:-3600}
codec_runs=${2:-10000000}
parser_runs=${3:-1000000}
# In memory where the system has such a place: the parsers read files.
work=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
trap 'rm -rf "$work"' EXIT
found=$here/found
fixtures=$root/Tests/Fixtures

# The compiler beside swift has libFuzzer; another clang will do.
toolchain=$(dirname "$(readlink -f "$(command -v swift)")")
compiler=""
for candidate in "$toolchain/clang" clang clang-19 clang-16 clang-14; do
    command -v "$candidate" >"$work/null" 2>&1 || continue
    echo 'int LLVMFuzzerTestOneInput(const char *d, long n) { return (d && n) * 0; }' >"$work/try.c"
    if "$candidate" -fsanitize=fuzzer,address "$work/try.c" -o "$work/try" 2>"$work/said"; then
        compiler=$candidate
        break
    fi
done
[ -n "$compiler" ] || {
    echo "make fuzz needs a clang with libFuzzer: Swift's own has one on most systems; Debian: apt-get install clang-14 libclang-rt-14-dev"
    exit 1
}

failures=0
seeds() { # NAME
    mkdir -p "$work/seeds-$1"
    case $1 in
        png) cp "$fixtures"/odd-images/*.png "$work/seeds-png" ;;
        jpeg) cp "$fixtures"/odd-images/*.jpg "$work/seeds-jpeg" ;;
        tiff) cp "$fixtures"/picture-kinds/*.tif "$work/seeds-tiff" ;;
        webp) cp "$fixtures"/picture-kinds/*.webp "$work/seeds-webp" ;;
        gunzip) for file in "$fixtures"/format-samples/*.gz "$fixtures"/format-samples/gz_without_suffix.idx; do
            { printf '\100\017'; cat "$file"; } >"$work/seeds-gunzip/$(basename "$file")"
        done ;;
    esac
}
export ASAN_OPTIONS=quarantine_size_mb=8:detect_leaks=1
for name in png jpeg gunzip tiff webp; do
    seeds "$name"
    "$compiler" -std=c11 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
        -Wall -Wextra -Werror -DPAL_TIFF -DPAL_WEBP -I"$root/Sources/CPalimpsestImageCodecs/include" -I"$here/Codecs" \
        "$root"/Sources/CPalimpsestImageCodecs/*.c "$here/Codecs/$name.c" -lpng -ljpeg -lz -ltiff -lwebp -lwebpdemux -lm -o "$work/$name" 2>"$work/said" ||
        { cat "$work/said"; exit 1; }
    mkdir -p "$found" "$work/corpus-$name"
    began=$SECONDS
    if "$work/$name" -seed=1 -runs="$codec_runs" -max_total_time="$seconds" -max_len=32768 -timeout=20 -rss_limit_mb=256 \
        -malloc_limit_mb=256 -print_final_stats=1 -artifact_prefix="$found/$name-" \
        "$work/corpus-$name" "$work/seeds-$name" >"$work/said" 2>&1; then
        awk -v name="$name" -v seconds=$((SECONDS - began)) '
            /number_of_executed_units/ { runs = $2 }
            /peak_rss_mb/ { memory = $2 }
            END { print name ": " runs " inputs in " seconds " s, at most " memory " MiB, nothing found" }' "$work/said"
    else
        tail -n 40 "$work/said"
        echo "$name: FOUND, see $found"
        failures=$((failures + 1))
    fi
done
rmdir "$found" 2>"$work/null" || true
fuzz=${FUZZ:-$root/.build/release/fuzz}
for name in $("$fuzz" list); do
    "$fuzz" "$name" "$parser_runs" "$seconds" "$root/Tests" "$work" || {
        mkdir -p "$found"
        cp "$work/input-$name"* "$found" 2>"$work/null" || true
        echo "$name: FOUND, see $found"
        failures=$((failures + 1))
    }
done
[ "$failures" = 0 ]
