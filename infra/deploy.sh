#!/usr/bin/env bash
# Reads what is there, prints a plan with its costs, asks, and does it: `deploy.sh plan|apply`.
# Every step can be run again: what is as it should be is left alone.
set -euo pipefail
MODE=plan
# shellcheck source=infra/ensure.sh
source "$(dirname "${BASH_SOURCE[0]}")/ensure.sh"
DEED=${1:?plan or apply}

run_steps() {
  local file
  : > "$WORK/plan.tsv"
  : > "$WORK/warnings"
  for file in "$INFRA"/steps/*.sh; do
    STEP=${file##*/} STEP=${STEP%.sh} CHANGED=''
    # A step that is left out is compared all the same: what it derives is needed further on.
    if [[ $MODE == apply ]]; then
      [[ -z ${ONLY:-} || " $ONLY " == *" $STEP "* ]] || { with_mode plan "$file"; continue; }
      echo "$STEP"
    fi
    # shellcheck source=/dev/null
    source "$file"
  done
}

with_mode() { # MODE FILE
  MODE=$1
  # shellcheck source=/dev/null
  source "$2"
  MODE=apply
}

show_plan() {
  awk -F '\t' '
    $1 == "+" { made++ } $1 == "~" { changed++ } $1 == "=" { same++ } $1 == "!" { stuck++ }
    $1 != "=" || verbose { printf "  %s %-18s %s%s\n", $1, $2, $3, ($4 == "" ? "" : "   (" $4 ")") }
    END { printf "\n%d to create, %d to change, %d as it is.\n", made, changed, same
          if (stuck) printf "%d cannot be changed in place.\n", stuck }' verbose="${VERBOSE:-}" "$WORK/plan.tsv"
}

on_exit() {
  local status=$?
  ((status == 0)) && return
  [[ $MODE == apply ]] || return
  printf '\nStopped in step %s. What was done before stays: %d resources were as they should be, and are skipped.\n' \
    "$STEP" "$(grep -c '^=' "$WORK/plan.tsv" || true)" >&2
  printf 'Mend the cause and go on with the same command. What each command said is in %s.\n' "$WORK/log" >&2
}
trap on_exit EXIT

echo "Reading $PROJECT in $REGION …"
read_everything
run_steps
show_plan
cat "$INFRA/costs.txt"
[[ $DEED == apply ]] || exit 0
if ! grep -q '^[+~]' "$WORK/plan.tsv"; then
  echo "Nothing to do."
  exit 0
fi
if [[ ${YES:-} != 1 ]]; then
  read -rp "Do it? [y/N] " answer
  [[ $answer == [yY]* ]] || fail "Nothing was done."
fi
MODE=apply
run_steps
cat "$WORK/warnings" >&2
printf '\nDone. The page: %s/index.html\n' "$PAGE_ORIGIN"
