#!/usr/bin/env bash
# Runs gcloud with the arguments of one line `kind<TAB>arguments` and writes its JSON to STATE/kind.json.
set -euo pipefail
state=$1 kind=${2%%$'\t'*} arguments=${2#*$'\t'}
read -ra words <<< "$arguments"
if ! gcloud "${words[@]}" --format=json > "$state/$kind.new" 2> "$state/$kind.err"; then
  echo "Cannot read the $kind of the project: gcloud $arguments" >&2
  sed 's/^/    /' "$state/$kind.err" >&2
  exit 1
fi
mv "$state/$kind.new" "$state/$kind.json"
