#!/usr/bin/env bash
# Opens pages of a small run in a browser without a window: their text is there, pictures are drawn and nothing sticks out, on a
# phone and on a screen.
#
#     PRETRAIN=/abs/path/pretrain Tests/Pages/run.sh [FOLDER]
#
# FOLDER gets the screenshots (a temporary one).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
pretrain=${PRETRAIN:-$root/.build/release/pretrain}
browser=""
for candidate in chromium chromium-browser google-chrome; do
    command -v "$candidate" >/dev/null 2>&1 && browser=$candidate && break
done
[ -n "$browser" ] || { echo "SKIPPED: pages need a browser, and there is none: apt-get install chromium"; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
shots=${1:-$work/shots}
mkdir -p "$shots"
open() { # WIDTH ARGUMENTS...
    local width=$1
    shift
    "$browser" --headless --no-sandbox --disable-gpu --allow-file-access-from-files --hide-scrollbars \
        --user-data-dir="$work/browser" --virtual-time-budget=5000 --window-size="$width,2400" "$@" 2>"$work/said"
}
cd "$work"
"$pretrain" --recipe "$root/recipes/mae.json" --set data.source.count=256 --set data.source.test_count=64 --set train.epochs=2 \
    --set train.batch_size=32 --set train.warmup_epochs=0.5 --run run --quiet
"$pretrain" probe run --protocol ridge >/dev/null
"$pretrain" diagnose run --count 64 --checkpoints >/dev/null
"$pretrain" report run
"$pretrain" compare run --out compare.html >/dev/null
"$pretrain" atlas run --part test >/dev/null
failures=0
fail() { echo "$1"; failures=$((failures + 1)); }
check() { # PAGE TEXT...
    local page=$1
    shift
    for width in 360 1200; do
        open "$width" --dump-dom "file://$here/measure.html?file://$work/$page&$width" >"$work/dom"
        grep -q "^width $width of $width" "$work/dom" || fail "$page at $width: $(grep -m1 '^width' "$work/dom" || echo 'was not measured')"
        grep '^overflow' "$work/dom" >"$work/found" && fail "$page at $width sticks out: $(head -3 "$work/found")"
        grep -E '^picture missing|^picture [a-z]*: without alt|^plot: without a name' "$work/dom" >"$work/found" && fail "$page at $width: $(head -3 "$work/found")"
        for text in "$@"; do grep -qF "$text" "$work/dom" || fail "$page at $width lacks the text: $text"; done
        open "$width" --screenshot="$shots/$(basename "$page" .html)-$width.png" "file://$work/$page" >/dev/null
        [ -s "$shots/$(basename "$page" .html)-$width.png" ] || fail "$page at $width gave no picture"
    done
}
check run/report.html "Did it help?" "Is it healthy?" "What it sees" "How it was made" "ridge" "Loss" "Inside the encoder" "picture drawn"
check compare.html "One run" "ridge" "Curves"
check run/atlas.html "Atlas of 64 pictures" "64 of 64 pictures in view" "umbrella (" "Colour by"
[ "$failures" = 0 ] && echo "pages: nothing sticks out, texts and pictures are there; screenshots in $shots"
[ "$failures" = 0 ]
