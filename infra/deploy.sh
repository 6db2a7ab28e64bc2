#!/usr/bin/env bash
# Deploys an installation: `deploy.sh plan|apply` reads the project, prints a plan with its costs, asks, and applies it.
# Every step can run again; it skips resources that are as they should be.
set -euo pipefail
MODE=plan
# shellcheck source=infra/ensure.sh
source "$(dirname "${BASH_SOURCE[0]}")/ensure.sh"
ACTION=${1:?plan or apply}

run_steps() {
  local file
  : > "$WORK/plan.tsv"
  : > "$WORK/warnings"
  for file in "$INFRA"/steps/*.sh; do
    STEP=${file##*/} STEP=${STEP%.sh} CHANGED=''
    # A step that ONLY does not name runs in plan mode, because later steps need the variables that it sets.
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
    END { printf "\n%d to create, %d to change, %d unchanged.\n", made, changed, same
          if (stuck) printf "%d cannot be changed in place.\n", stuck }' verbose="${VERBOSE:-}" "$WORK/plan.tsv"
}

on_exit() {
  local status=$?
  ((status == 0)) && return
  [[ $MODE == apply ]] || return
  printf '\nStopped in step %s. Earlier changes stay; the next run skips them and the %d unchanged resources.\n' \
    "$STEP" "$(grep -c '^=' "$WORK/plan.tsv" || true)" >&2
  printf 'Fix the cause and run the same command again. The output of each command is in %s.\n' "$WORK/log" >&2
}
trap on_exit EXIT

echo "Reading $PROJECT in $REGION …"
read_everything
run_steps
show_plan
cat "$INFRA/costs.txt"
[[ $ACTION == apply ]] || exit 0
if ! grep -q '^[+~]' "$WORK/plan.tsv"; then
  echo "Nothing to do."
  exit 0
fi
if [[ ${YES:-} != 1 ]]; then
  read -rp "Apply this plan? [y/N] " answer
  [[ $answer == [yY]* ]] || fail "Nothing was changed."
fi
MODE=apply
run_steps
cat "$WORK/warnings" >&2
printf '\nDone. The page: %s/index.html\n' "$PAGE_ORIGIN"
