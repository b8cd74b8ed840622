#!/usr/bin/env bash
# Kills runs and goes on with them; what they leave must be what a run that nobody killed leaves.
#
#     Tests/Kills/run.sh [KILLS] [METHOD ...]
#
# For every method: one kill just before each rename, and KILLS (30) kills at random times over all methods; then, for the
# first method, one before every other change of a name too, and the same while --overwrite replaces a run. After each kill the
# run is started again with --resume, and encoder, last checkpoint and rows are compared.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
pretrain=${PRETRAIN:-$root/.build/release/pretrain}
kills=${1:-30}
shift || true
methods=("$@")
[ ${#methods[@]} -gt 0 ] || for recipe in "$root"/recipes/*.json; do methods+=("$(basename "$recipe" .json)"); done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
compiler=$(command -v cc || command -v clang || command -v gcc) || { echo "a C compiler is needed, such as gcc"; exit 1; }
"$compiler" -O1 -Wall -Wextra -Werror -shared -fPIC -o "$work/die.so" "$here/die.c" -ldl
failures=0
tried=0
RANDOM=${SEED:-17}

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# The options that make a shipped recipe small: six steps, a checkpoint after every second.
options() {
    local method=$1
    echo --recipe "$root/recipes/$method.json" --threads 1 --loader-threads 1 --quiet
    echo --set data.source.count=48 --set data.source.test_count=16 --set model.width=16 --set model.depth=1
    echo --set model.heads=2 --set train.batch_size=8 --set train.warmup_epochs=0 --set train.epochs=2
    echo --set train.max_steps=6 --set log.every_steps=1 --set log.checkpoint_every_steps=2 --set log.keep=2
    case $method in
        maskalign) echo --set method.loss_layers=mean --set "method.teacher.path=$work/teacher" ;;
        lut) echo --set method.head_hidden=16 ;;
    esac
}

train() { # RUN METHOD MORE...
    local run=$1 method=$2
    shift 2
    # shellcheck disable=SC2046
    "$pretrain" $(options "$method") --run "$run" "$@"
}

# What must be the same: digests of encoder and last checkpoint, and rows without what a clock says.
summary() { # RUN
    (
        cd "$1"
        last=$(ls checkpoints | tail -n 1)
        sha256sum encoder.safetensors "checkpoints/$last/model.safetensors" "checkpoints/$last/optimizer.safetensors"
        ls checkpoints
        sed -E 's/"(images_per_s|wait_share|seconds)":[^,}]*,?//g' metrics.jsonl
    )
}

# A finished run against the one that nobody killed.
compare() { # RUN WHOLE WHAT
    tried=$((tried + 1))
    if ! diff <(summary "$2") <(summary "$1") >"$work/diff" 2>&1; then
        fail "$3: differs from the run that was not killed"
        head -n 12 "$work/diff"
    fi
    local rubbish
    rubbish=$(find "$1" -name '*.partial' -o -name previous-run)
    [ -z "$rubbish" ] || fail "$3: left $rubbish"
}

go_on() { # RUN METHOD WHOLE WHAT
    if train "$1" "$2" --resume >"$work/said" 2>&1; then
        compare "$1" "$3" "$4"
    else
        tried=$((tried + 1))
        fail "$4: cannot be gone on with: $(tail -n 1 "$work/said") (it holds: $(ls -A "$1" 2>&1 | tr '\n' ' '))"
    fi
}

# How many calls a whole run makes.
calls() { # WHICH RUN METHOD MORE...
    local which=$1
    shift
    DIE_CALLS=$which DIE_AT=0 DIE_COUNT=$work/count LD_PRELOAD=$work/die.so train "$@" >"$work/said" 2>&1 || {
        cat "$work/said"
        exit 1
    }
    cat "$work/count"
}

# A run killed before its n-th call; true where it was.
killed() { # WHICH N RUN METHOD MORE...
    local which=$1 at=$2
    shift 2
    # The shell would tell of the kill in its own words.
    (DIE_CALLS=$which DIE_AT=$at LD_PRELOAD=$work/die.so train "$@" >"$work/said" 2>&1) 2>"$work/shell" && return 1
    return 0
}

at_every() { # WHICH METHOD
    local count run=$work/run
    rm -rf "$run"
    count=$(calls "$1" "$run" "$2")
    echo "$2: $count calls ($1)"
    for ((at = 1; at <= count; at++)); do
        rm -rf "$run"
        killed "$1" "$at" "$run" "$2" || fail "$2, $1 call $at: was not killed"
        go_on "$run" "$2" "$work/whole-$2" "$2, killed before call $at ($1)"
    done
}

# While a run is replaced: each file of the old one is whole, in its place or set aside, until the new one has a checkpoint.
overwriting() { # METHOD
    local run=$work/run count
    rm -rf "$work/old" "$run"
    train "$work/old" "$1" --seed 5 >"$work/said" 2>&1
    (cd "$work/old" && find . -type f ! -name lock ! -name log.txt -exec sha256sum {} + | sort) >"$work/old-files"
    cp -r "$work/old" "$run"
    count=$(calls all "$run" "$1" --overwrite)
    compare "$run" "$work/whole-$1" "$1 --overwrite"
    echo "$1 --overwrite: $count calls"
    for ((at = 1; at <= count; at++)); do
        rm -rf "$run"
        cp -r "$work/old" "$run"
        killed all "$at" "$run" "$1" --overwrite || fail "$1 --overwrite, call $at: was not killed"
        tried=$((tried + 1))
        if grep -qs '"seed": 0' "$run/recipe.json" && ls "$run"/checkpoints/step-*/state.json >"$work/said" 2>&1; then
            :  # the new run has a checkpoint
        else
            local missing=""
            while read -r digest name; do
                echo "$digest  $run/$name" | sha256sum --check --status 2>"$work/said" ||
                    echo "$digest  $run/previous-run/$name" | sha256sum --check --status 2>"$work/said" ||
                    missing="$missing $name"
            done <"$work/old-files"
            [ -z "$missing" ] || fail "$1 --overwrite, killed before call $at: lost$missing"
        fi
        # A second kill, while the first is mended.
        (DIE_CALLS=all DIE_AT=$((RANDOM % 30 + 1)) LD_PRELOAD=$work/die.so "$pretrain" resume "$run" --quiet \
            >"$work/said" 2>&1; exit $?) 2>"$work/shell" || true
        # Whatever stands there can be gone on with: the old run, finished, or the new one.
        if "$pretrain" resume "$run" --quiet >"$work/said" 2>&1; then
            if grep -q '"seed": 5' "$run/recipe.json"; then
                compare "$run" "$work/old" "$1 --overwrite, killed before call $at, then the old run"
            else
                compare "$run" "$work/whole-$1" "$1 --overwrite, killed before call $at, then the new run"
            fi
        else
            fail "$1 --overwrite, killed before call $at: resume says $(tail -n 1 "$work/said")"
        fi
        # And the same command does what it was to do.
        train "$run" "$1" --overwrite >"$work/said" 2>&1 || fail "$1 --overwrite again: $(tail -n 1 "$work/said")"
        compare "$run" "$work/whole-$1" "$1 --overwrite, killed before call $at, then again"
    done
}

at_random() { # METHOD LONGEST
    local run=$work/run delay
    rm -rf "$run"
    delay=$(awk "BEGIN { printf \"%.3f\", $RANDOM / 32768 * $2 }")
    # shellcheck disable=SC2046
    "$pretrain" $(options "$1") --run "$run" >"$work/said" 2>&1 &
    local process=$!
    sleep "$delay"
    kill -KILL $process 2>"$work/shell" || true
    { wait $process || true; } 2>"$work/shell"
    go_on "$run" "$1" "$work/whole-$1" "$1, killed after $delay s"
}

train "$work/teacher" mae >"$work/said" 2>&1 || { cat "$work/said"; exit 1; }
longest=1
for method in "${methods[@]}"; do
    start=$(date +%s.%N)
    train "$work/whole-$method" "$method" >"$work/said" 2>&1 || { cat "$work/said"; exit 1; }
    longest=$(awk "BEGIN { s = $(date +%s.%N) - $start; print (s > $longest) ? s : $longest }")
done
for method in "${methods[@]}"; do at_every rename "$method"; done
for ((i = 0; i < kills; i++)); do at_random "${methods[$((i % ${#methods[@]}))]}" "$longest"; done
at_every all "${methods[0]}"
overwriting "${methods[0]}"
echo "$tried runs compared, $failures failures"
[ "$failures" = 0 ]
