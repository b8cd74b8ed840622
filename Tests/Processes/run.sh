#!/usr/bin/env bash
# Trains every method by 1, 2, 3 and 4 processes on this machine and compares what they write, byte for byte; ends processes in
# the middle and goes on with other numbers of them; then shares features. PRETRAIN names a program that was built with MPI (make mpi).
set -uo pipefail
cd "$(dirname "$0")/../.."
pretrain=$(realpath "${PRETRAIN:-.build-mpi/release/pretrain}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# mpirun refuses root unless it is told twice.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
failures=0

fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# together N arguments…: pretrain in N processes, more than there are processors.
together() {
  local count=$1
  shift
  if [ "$count" = 1 ]; then "$pretrain" "$@"; else timeout 300 mpirun --oversubscribe -n "$count" "$pretrain" "$@"; fi
}

# What a run wrote that does not name times.
digests() { (cd "$1" && sha256sum encoder.safetensors checkpoints/*/*.safetensors); }

small=(--threads 1 --quiet --set train.batch_size=4 --set train.accumulate=12 --set data.source.count=96
  --set data.source.test_count=8 --set train.epochs=2 --set log.every_steps=1)

# The program, the launcher, and a teacher for MaskAlign.
"$pretrain" --recipe mae.json --run "$work/teacher" "${small[@]}" || exit 1
for recipe in recipes/*.json; do
  method=$(basename "$recipe" .json)
  own=()
  [ "$method" = maskalign ] && own=(--set "method.teacher.path=$work/teacher")
  [ "$method" = simmim ] && own=(--set train.schedule.milestones=null)
  for count in 1 2 3 4; do
    together $count --recipe "$recipe" --run "$work/$method-$count" "${small[@]}" "${own[@]}" >"$work/log" 2>&1 ||
      { fail "$method by $count processes"; tail -5 "$work/log"; continue; }
    digests "$work/$method-$count" >"$work/$method-$count.sums"
    cmp -s "$work/$method-1.sums" "$work/$method-$count.sums" || fail "$method by $count processes writes other bytes than by one"
  done
  echo "$method: the same bytes by 1, 2, 3 and 4 processes: $(head -c 16 "$work/$method-1.sums")"
done

# LARS needs the norms of whole parameters, so that its processes do not share what it keeps.
for count in 1 3; do
  together $count --recipe mae.json --run "$work/lars-$count" "${small[@]}" --set train.optimizer.name=lars >"$work/log" 2>&1 || fail "lars"
  digests "$work/lars-$count" >"$work/lars-$count.sums"
done
cmp -s "$work/lars-1.sums" "$work/lars-3.sums" || fail "lars by 3 processes writes other bytes than by one"

# A run of lut.json, which keeps averages and running statistics, is ended in the middle and gone on with.
long=("${small[@]}" --set train.epochs=200 --set log.checkpoint_every_steps=10 --set log.checkpoint_every_epochs=200)
together 1 --recipe lut.json --run "$work/whole" "${long[@]}" --set train.max_steps=60 >"$work/log" 2>&1 || fail "the whole run"

# waits FOLDER: until the run has its second checkpoint.
waits() {
  for _ in $(seq 600); do
    [ -d "$1/checkpoints/step-00000020" ] && return
    sleep 0.1
  done
  fail "$1 has no checkpoint after a minute"
}

# ends HOW RANK: three processes, of which one gets a signal; two go on.
ends() {
  local signal=$1 rank=$2 run="$work/ended-$1-$2"
  together 3 --recipe lut.json --run "$run" "${long[@]}" --set train.max_steps=100000 >"$work/log" 2>&1 &
  local launcher=$!
  waits "$run"
  local victim
  for victim in $(pgrep -f -- "--run $run "); do
    grep -qz "^OMPI_COMM_WORLD_RANK=$rank$" "/proc/$victim/environ" 2>/dev/null &&
      [ "$(readlink "/proc/$victim/exe")" = "$pretrain" ] && kill "-$signal" "$victim"
  done
  wait $launcher && fail "a run whose process $rank got $signal ends as if nothing had been"
  grep -q "pretrain resume" "$work/log" || { fail "nothing says how to go on after $signal"; cat "$work/log"; }
  local step
  step=$(ls "$run/checkpoints" | tail -1)
  step=$((10#${step#step-}))
  [ "$step" -lt 60 ] || { echo "the signal came after step 60: nothing to compare"; return; }
  together 2 resume "$run" --threads 1 --quiet --set train.max_steps=60 >"$work/log" 2>&1 ||
    { fail "going on after $signal"; tail -5 "$work/log"; }
  cmp -s "$work/whole/encoder.safetensors" "$run/encoder.safetensors" ||
    fail "a run that was ended by $signal and gone on with by two processes has other bytes"
  echo "SIG$signal to process $rank at step $step or later of 3 processes, then 2: the same bytes as one process in one go"
}
together 3 --recipe capi.json --run "$work/compared" "${small[@]}" --compare-processes 1 >"$work/log" 2>&1 ||
  { fail "processes differ"; tail -3 "$work/log"; }
ends KILL 1
ends KILL 0
ends TERM 2

# Features and scores are those of one process; with one picture that cannot be read, and folders that need not be the same.
"$pretrain" data write builtin --out "$work/shared" --count 700 --test-count 300 >"$work/log" || fail "data write"
broken=$(find "$work/shared/train" -name '*.png' | sort | sed -n 300p)
echo "no picture" >"$broken"
for count in 1 3; do
  together $count features "$work/teacher" --data "images:$work/shared" --threads 1 --out "$work/table-$count.safetensors" \
    >"$work/log" 2>&1 || { fail "features by $count processes"; tail -3 "$work/log"; }
  together $count features "$work/teacher" --data "images:$work/shared" --tokens patch --threads 1 --out "$work/tokens-$count.safetensors" \
    >"$work/log" 2>&1 || { fail "patch tokens by $count processes"; tail -3 "$work/log"; }
  for again in 1 2; do
    together $count probe "$work/teacher" --data "class_folders:$work/shared" --threads 1 --json --protocol ridge --protocol low-shot \
      --protocol dino-knn --set low-shot.protocol=ridge --set low-shot.shares=[0.1] 2>"$work/log" >"$work/scores-$count-$again" ||
      { fail "probe by $count processes"; tail -3 "$work/log"; }
  done
  rm -rf "$work/teacher/features"
done
for made in table tokens; do
  cmp -s "$work/$made-1.safetensors" "$work/$made-3.safetensors" || fail "$made of features by 3 processes are not those of one"
done
for scores in 1-2 3-1 3-2; do
  cmp -s "$work/scores-1-1" "$work/scores-$scores" || fail "scores $scores are not those of one process"
done
[ "$(wc -l <"$work/scores-3-1")" = 9 ] || fail "not each score once"
echo "features, patch tokens and $(wc -l <"$work/scores-3-1") scores: the same by 1 and 3 processes"

# What cannot work says so, once.
says() {
  local words=$1
  shift
  "$@" >"$work/log" 2>&1 && fail "$* does not fail"
  [ "$(grep -c "$words" "$work/log")" = 1 ] || { fail "not said once: $words"; cat "$work/log"; }
}
says "start 4 or 6 of them" together 5 --recipe mae.json --run "$work/refused" "${small[@]}"
says "works in one process" together 2 view "$work/teacher"
for asked in "features $work/teacher --layer 99 --out $work/none.npy" "features $work/teacher --layer 99 --tokens patch --out $work/none.npy" \
  "probe $work/teacher --layer 99 --protocol ridge --no-cache"; do
  says "layer 99 was asked for" together 2 $asked
done
says "do not share" together 2 probe "$work/teacher" --protocol capi-attentive
says "no-such" together 2 --recipe no-such.json --run "$work/refused"
says "has another recipe" timeout 100 mpirun --oversubscribe -n 1 "$pretrain" --recipe mae.json --run "$work/refused" "${small[@]}" \
  : -n 1 "$pretrain" --recipe mae.json --run "$work/refused" "${small[@]}" --set train.weight_decay=0.01
for place in here there; do
  mkdir "$work/$place"
  "$pretrain" data write builtin --out "$work/$place/pictures" --count 60 --test-count 6 --seed ${#place} >"$work/log" || fail "data write"
done
says "there is no test part here" together 2 probe "$work/teacher" --data "images:$work/here/pictures"
folder=(--recipe "$PWD/recipes/mae.json" --run "$work/refused" --data images:pictures/train "${small[@]:0:7}")
says "has other pictures" timeout 100 mpirun --oversubscribe -n 1 -wdir "$work/here" "$pretrain" "${folder[@]}" \
  : -n 1 -wdir "$work/there" "$pretrain" "${folder[@]}"
says "kernels" timeout 100 mpirun --oversubscribe -n 1 "$pretrain" --recipe mae.json --run "$work/refused" "${small[@]}" \
  : -n 1 -x PALIMPSEST_ISA=portable "$pretrain" --recipe mae.json --run "$work/refused" "${small[@]}"
[ -e "$work/refused" ] && fail "a refused run left its folder"

[ "$failures" = 0 ] || { echo "$failures failures"; exit 1; }
echo "all processes agree"
