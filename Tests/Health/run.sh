#!/usr/bin/env bash
# Tries the alarms of the health checks on short runs, and prints what they missed and what they cried for nothing.
#
#     Tests/Health/run.sh [TABLE]
#
# Many runs of all kinds of methods that should be healthy, and some that are made to collapse. What a run really is, a probe
# with labels says (logistic regression on standardised features, the pictures of the test part): healthy is a run whose encoder
# is at or above the same encoder untrained, damaged one that is below it by more than half of the 95 % interval, or that was made
# to collapse and is no farther than that above chance; between them nothing is claimed. The rows go to TABLE (standard output), the rates to standard output. About a quarter of an hour on two cores.
# CIFAR=PATH, a folder of CIFAR-10 as shards, puts photographs beside the built-in pictures.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
pretrain=${PRETRAIN:-$root/.build/release/pretrain}
table=${1:-/dev/stdout}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$root"

number() { # FILE KEY: the number of a key in a row of JSON
    sed -nE "s/.*\"$2\": (-?[0-9.e+-]+).*/\1/p" <<<"$1" | head -n 1
}

# One run: what is expected, name, recipe, more options. The options make it small.
try() {
    local kind=$1 name=$2 recipe=$3 classes=6
    shift 3
    case $name in *photographs*) classes=10 ;; esac
    local run=$work/run said=$work/said row
    "$pretrain" --recipe "$recipe.json" --run "$run" --overwrite --quiet --threads 1 --loader-threads 1 \
        --set model.width=48 --set model.depth=2 --set model.heads=4 --set train.epochs=4 \
        --set data.source.count=1024 --set data.source.test_count=1024 "$@" >"$said" 2>&1 || {
        # A run that diverges says so and stops: neither an alarm nor a miss.
        echo "$kind | $name | stopped | | | $(tail -n 1 "$said" | cut -c 1-60) |"
        return
    }
    local alarms steps trained untrained half
    alarms=$({ grep -oE 'health at step [0-9]+: [a-z]+' "$said" || true; } | sed -E 's/.*step ([0-9]+): /\1 /' |
        awk '{ if (!($2 in first)) { first[$2] = $1; order[++n] = $2 } } END { for (i = 1; i <= n; i++) printf "%s%s from step %s", (i > 1 ? ", " : ""), order[i], first[order[i]] }')
    steps=$(number "$(grep '"kind": "step"' "$run/metrics.jsonl" | tail -n 1)" step)
    row=$("$pretrain" probe "$run" --protocol standardized-logreg --features pretrained --features random-init \
        --threads 1 --json 2>"$work/null")
    trained=$(number "$(head -n 1 <<<"$row")" accuracy)
    untrained=$(number "$(tail -n 1 <<<"$row")" accuracy)
    half=$(sed -nE '1s/.*"interval": \[([0-9.]+), ([0-9.]+)\].*/\1 \2/p' <<<"$row" | awk '{ print ($2 - $1) / 2 }')
    awk -v kind="$kind" -v name="$name" -v steps="$steps" -v a="$trained" -v b="$untrained" -v half="$half" -v chance="$classes" \
        -v alarms="${alarms:-none}" 'BEGIN {
            is = kind == "collapsing" && a < 1 / chance + half ? "damaged" : a >= b ? "healthy" : a < b - half ? "damaged" : "between"
            printf "%s | %s | %d | %.3f | %.3f | %s | %s\n", kind, name, steps, a, b, is, alarms
        }'
}

# Another three seeds, batches and lengths for a method.
usual() { # RECIPE MORE...
    local recipe=$1
    shift
    try healthy "$recipe" "$recipe" --seed 1 "$@"
    try healthy "$recipe, batch 16" "$recipe" --seed 2 --set train.batch_size=16 "$@"
    try healthy "$recipe, 10 epochs" "$recipe" --seed 3 --set train.epochs=10 "$@"
}

{
    usual mae --set method.decoder_width=32
    usual colormae --set method.decoder_width=32
    usual ijepa --set method.predictor_width=32
    usual dmtjepa --set method.predictor_width=32
    usual mfm --set method.decoder_width=32
    usual cae
    usual lut --set method.head_hidden=128
    try teacher teacher mae --seed 4 --set method.decoder_width=32 --set train.epochs=8
    mv "$work/run" "$work/teacher"
    usual maskalign --set method.loss_layers=mean --set "method.teacher.path=$work/teacher"
    if [ -n "${CIFAR:-}" ]; then
        for recipe in mae ijepa colormae cae; do
            try healthy "$recipe, photographs" "$recipe" --data "shards:$CIFAR" --set train.max_steps=200
        done
    fi

    # Teachers that copy the student at once, masks that hide everything, rates far above the usual ones.
    fast=(--set train.learning_rate=0.005 --set train.warmup_epochs=1)
    copied=(--set 'method.ema=[0,0]' --set train.warmup_epochs=1)
    given() { echo "--set train.base_learning_rate=null --set train.learning_rate=$1"; }
    # shellcheck disable=SC2046
    {
        try collapsing "ijepa, copied teacher" ijepa --seed 1 "${copied[@]}" "${fast[@]}"
        try collapsing "ijepa, copied teacher, 10 epochs" ijepa --seed 2 --set train.epochs=10 "${copied[@]}" "${fast[@]}"
        try collapsing "ijepa, copied teacher, rate 0.05" ijepa --seed 1 "${copied[@]}" $(given 0.05)
        try collapsing "ijepa, copied teacher, rate 0.3" ijepa --seed 2 "${copied[@]}" $(given 0.3)
        try collapsing "dmtjepa, copied teacher" dmtjepa --seed 3 "${copied[@]}" "${fast[@]}"
        try collapsing "dmtjepa, copied teacher, rate 0.1" dmtjepa --seed 3 --set 'method.ema=[0,0]' $(given 0.1)
        try collapsing "mae, rate 1" mae --seed 4 $(given 1)
        try collapsing "mae, rate 0.1" mae --seed 5 $(given 0.1)
        try collapsing "colormae, rate 0.3" colormae --seed 6 $(given 0.3)
        try collapsing "cae, rate 0.3" cae --seed 7 $(given 0.3)
        try collapsing "cae, rate 1" cae --seed 7 $(given 1)
        try collapsing "mfm, published disc" mfm --seed 8 --set mask.radius=16 --set mask.radius2=999
        try collapsing "mfm, rate 0.3" mfm --seed 9 $(given 0.3)
        try collapsing "lut, rate 0.3" lut --seed 3 --set method.head_hidden=128 $(given 0.3)
    }
} | tee "$work/rows" >"$table"
awk -F ' [|] ' '
    $1 == "teacher" || $3 == "stopped" { next }
    $6 == "healthy" { healthy++; if ($7 != "none") false_alarms++ }
    $6 == "damaged" && $1 == "collapsing" { damaged++; if ($7 == "none") missed++ }
    $6 == "damaged" && $1 != "collapsing" { worse++; if ($7 != "none") told++ }
    $6 == "between" { between++; if ($7 != "none") alarmed++ }
    END {
        printf "healthy: %d runs, %d with an alarm\n", healthy, false_alarms
        printf "made to collapse, and damaged: %d runs, %d without an alarm\n", damaged, missed
        printf "not made to collapse, yet below the untrained encoder: %d runs, %d with an alarm\n", worse, told
        printf "between: %d runs, %d with an alarm\n", between, alarmed
    }' "$work/rows"
