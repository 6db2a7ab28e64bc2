#!/usr/bin/env bash
# The functions that the numbered steps use. Source this file.
#
#   resource KIND NAME DESCRIPTION   start to describe a resource
#   want PATH VALUE                  require a value in the output of `gcloud … list`
#   create COMMAND…                  the command for a missing resource
#   change COMMAND…                  the command for a resource that differs; without one it cannot be changed
#   settle                           compare and, in apply mode, start the command
#   barrier                          wait for all started commands; exit if one failed
#
# Commands between two barriers run in parallel; one that fails does not stop the others.
# MODE is plan or apply. STATE is the folder of read_state's JSON files, one per kind.
set -euo pipefail
# shellcheck source=infra/names.sh
source "$(dirname "${BASH_SOURCE[0]}")/names.sh"

MODE=${MODE:-plan}
STATE=$WORK/state
JOBS=${JOBS:-$(nproc 2>/dev/null || echo 4)}
PYTHON=${PYTHON:-python3}
export CLOUDSDK_CORE_PROJECT=$PROJECT CLOUDSDK_CORE_DISABLE_PROMPTS=1
mkdir -p "$STATE" "$WORK/log"

RUNNING=()
FAILED=0
CHANGED=''

# The modules of infra/ use only the standard library, so planning and destroying need no virtual environment.
infra_python() { PYTHONPATH=$ROOT:$ROOT/src "$PYTHON" -S -m "$@"; }

# One Python process answers all questions of this shell; each background job starts its own.
QUESTIONS=$WORK/questions.$$ ANSWERS=$WORK/answers.$$
mkfifo "$QUESTIONS" "$ANSWERS"
infra_python infra.answers < "$QUESTIONS" > "$ANSWERS" &
exec 8> "$QUESTIONS" 9< "$ANSWERS"
rm "$QUESTIONS" "$ANSWERS"
IN_BACKGROUND=

ask() { # NAME=VALUE… COMMAND ARGUMENT…
  local IFS=$'\x1f' answer
  if [[ $IN_BACKGROUND ]]; then
    printf '%s\0' "$*" | infra_python infra.answers | tr -d '\0'
    return
  fi
  printf '%s\0' "$*" >&8
  read -r -d '' -u 9 answer || true
  printf '%s\n' "$answer"
}
compare() { ask compare "$@"; }

# Prints the value at PATH of a resource as last read, or nothing if it is missing.
fact() { # KIND NAME PATH [KEY]
  compare --key "${4:-name}" "$STATE/$1.json" "$2" --get "$3"
}

exists() { # KIND NAME [KEY]
  [[ $(compare --key "${3:-name}" "$STATE/$1.json" "$2") != create ]]
}

resource() { # KIND NAME DESCRIPTION [KEY]
  KIND=$1 NAME=$2 DESCRIPTION=$3 KEY=${4:-name}
  WANTS=() CREATE=() CHANGE=() DIFFERENCES=''
}
want() { WANTS+=("$1=$2"); }
create() { CREATE=("$@"); }
change() { CHANGE=("$@"); }

settle() {
  local verdict
  verdict=$(compare --key "$KEY" "$STATE/$KIND.json" "$NAME" ${WANTS[@]+"${WANTS[@]}"})
  [[ $verdict != *$'\n'* ]] || DIFFERENCES=${verdict#*$'\n'}
  case ${verdict%%$'\n'*} in
    create) begin + "${CREATE[@]}" ;;
    same) say '=' '' ;;
    change)
      if [[ ${#CHANGE[@]} -eq 0 ]]; then
        say '!' "$DIFFERENCES"
        [[ $MODE == plan ]] || fail "$DESCRIPTION $NAME cannot be changed in place: $DIFFERENCES"
      else
        begin '~' "${CHANGE[@]}"
      fi
      ;;
    *) fail "compare.py printed no verdict about $NAME." ;;
  esac
}

# Writes one line of the plan: + to create, ~ to change, = unchanged, ! cannot be changed.
say() { # MARK DETAILS
  printf '%s\t%s\t%s\t%s\n' "$1" "$DESCRIPTION" "$NAME" "${2//$'\n'/; }" >> "$WORK/plan.tsv"
}

begin() { # MARK COMMAND…
  local mark=$1 log
  shift
  say "$mark" "$DIFFERENCES"
  [[ $MODE == apply ]] || return 0
  while ((${#RUNNING[@]} >= JOBS)); do reap; done
  log=$(printf '%s-%s-%s' "$STEP" "$KIND" "${NAME//[^a-zA-Z0-9.-]/-}" | tail -c 120)
  log=$WORK/log/$log.log
  printf '  %s %s %s\n' "$mark" "$DESCRIPTION" "$NAME"
  CHANGED+="$KIND "
  IN_BACKGROUND=1 run_logged "$log" "$@" 8>&- 9>&- &
  RUNNING+=("$!:$log:$DESCRIPTION $NAME")
}

run_logged() { # LOG COMMAND…
  local log=$1
  shift
  { printf '+'; printf ' %q' "$@"; printf '\n'; } > "$log"
  "$@" >> "$log" 2>&1 < /dev/null
}

# Runs a command. While its error matches WORDS, retries it for two minutes with growing pauses, because Google's
# services are eventually consistent. Returns LATER if the last try fails with such an error.
PAUSES=(2 4 8 16 30 60) LATER=75
patiently() { # WORDS COMMAND…
  local words=$1 pause errors status
  shift
  errors=$(mktemp "$WORK/errors.XXXXXX")
  for pause in "${PAUSES[@]}" ''; do
    status=0
    "$@" 2> "$errors" || status=$?
    cat "$errors" >&2
    if ((status == 0)) || ! grep -qE "$words" "$errors"; then break; fi
    status=$LATER
    [[ -n $pause ]] || break
    echo "Again in $pause seconds." >&2
    sleep "$pause"
  done
  rm "$errors"
  return "$status"
}

# Keeps a warning for the end of a successful deployment.
warn() { printf 'Warning: %s\n' "$*" >> "$WORK/warnings"; }

reap() {
  local first=${RUNNING[0]} pid rest
  RUNNING=("${RUNNING[@]:1}")
  pid=${first%%:*} rest=${first#*:}
  if ! wait "$pid"; then
    FAILED=1
    printf '\nFailed: %s\n' "${rest#*:}" >&2
    sed 's/^/    /' "${rest%%:*}" | tail -n 15 >&2
  fi
}

barrier() {
  while ((${#RUNNING[@]})); do reap; done
  ((FAILED == 0)) || exit 1
}

# Succeeds if this step started a command for one of these kinds; their state must then be read again.
changed() { # KIND…
  local kind
  for kind in "$@"; do [[ " $CHANGED" != *" $kind "* ]] || return 0; done
  return 1
}

# Reads the state of these kinds, or of all, in parallel; kinds.tsv has a line `kind<TAB>api<TAB>command` for each.
read_state() { # [KIND…]
  local kind api command lines=()
  while IFS=$'\t' read -r kind api command; do
    [[ -z $kind || $kind == \#* ]] && continue
    [[ $# -eq 0 || " $* " == *" $kind "* ]] || continue
    if [[ $api != - ]] && ! exists apis "$api.googleapis.com"; then
      echo '[]' > "$STATE/$kind.json"
      continue
    fi
    lines+=("$kind"$'\t'"$(eval "echo \"$command\"")")
  done < "$INFRA/kinds.tsv"
  ((${#lines[@]})) || return 0
  read_all "${lines[@]}"
}

read_all() { # 'kind<TAB>arguments'…
  printf '%s\0' "$@" | xargs -0 -P "$JOBS" -n 1 bash "$INFRA/read_kind.sh" "$STATE" || exit 1
}

# Prints the names in a kind's state that start with BEGINNING.
installed() { # KIND KEY BEGINNING
  "$PYTHON" -IS -c 'import json, sys
for resource in json.load(open(sys.argv[1])):
    name = str(resource.get(sys.argv[2], "")).rpartition("/")[2]
    if name.startswith(sys.argv[3]):
        print(name)' "$STATE/$1.json" "$2" "$3"
}

# Reads what `make deploy-model` created, newest first. Not in kinds.tsv, because a deployment never changes it.
read_vertex() { # models|endpoints…
  local kind lines=()
  for kind in "$@"; do
    lines+=("$kind"$'\t'"ai $kind list --region=$REGION --filter=labels.app=$APP --sort-by=~createTime")
  done
  read_all "${lines[@]}"
}

# Stops the machines of all versions, which cost by the hour, and deletes the endpoint.
remove_endpoint() { # ID
  local versions
  versions=$(gcloud ai endpoints describe "$1" --region="$REGION" --format='value(deployedModels[].id)')
  read -ra versions <<< "${versions//;/ }"
  while ((${#versions[@]})); do
    # Vertex AI undeploys a version with traffic only if it is the last one.
    gcloud ai endpoints undeploy-model "$1" --region="$REGION" --deployed-model-id="${versions[0]}" \
      ${versions[1]:+--traffic-split="${versions[1]}=100"}
    versions=("${versions[@]:1}")
  done
  gcloud ai endpoints delete "$1" --region="$REGION"
}

# The grants of roles.md on one resource: read the policy, merge, write it with the etag that was read.
iam_command() { # VERB KIND NAME
  case $2 in
    project) echo "projects $1 $PROJECT" ;;
    account) echo "iam service-accounts $1 $(account_of "$3")" ;;
    bucket) echo "storage buckets $1 gs://$(bucket_named "$3")" ;;
    topic) echo "pubsub topics $1 $(topic_of "$3")" ;;
    subscription) echo "pubsub subscriptions $1 $(subscription_named "$3")" ;;
    secret) echo "secrets $1 $APP-$3" ;;
    repository) echo "artifacts repositories $1 $REPOSITORY --location=$REGION" ;;
    function) echo "run services $1 $(function_named "$3") --region=$REGION" ;;
    *) fail "roles.md has the unknown resource '$2 $3'." ;;
  esac
}

subscription_named() {
  if [[ $1 == uploads ]]; then
    local path
    path=$(fact triggers "$UPLOADS_TRIGGER" transport/pubsub/subscription)
    printf '%s' "${path##*/}"
  else
    printf '%s-%s' "$APP" "$1"
  fi
}

resource_exists() { # KIND NAME
  case $1 in
    project) true ;;
    account) exists accounts "$(account_of "$2")" email ;;
    bucket) exists buckets "$(bucket_named "$2")" ;;
    topic) exists topics "$(topic_of "$2")" ;;
    subscription) exists subscriptions "$(subscription_named "$2")" ;;
    secret) exists secrets "$APP-$2" ;;
    repository) exists repositories "$REPOSITORY" ;;
    function) exists functions "$(function_named "$2")" ;;
  esac
}

policies() {
  ask "NUMBER=$NUMBER" "PROJECT=$PROJECT" "ACCOUNT=$ACCOUNT" "ROLE=$ROLE" "DATABASE=$DATABASE" \
    "PIPELINE_BUCKET=$PIPELINE_BUCKET" "SINK_WRITER=${SINK_WRITER:-}" policies "$@"
}

read_policies() {
  local kind name lines=() command
  while read -r kind name; do
    rm -f "$STATE/policy-$kind-$name.json"
    resource_exists "$kind" "$name" || continue
    command=$(iam_command get-iam-policy "$kind" "$name")
    lines+=("policy-$kind-$name"$'\t'"$command")
  done < <(policies --resources)
  ((${#lines[@]} == 0)) || read_all "${lines[@]}"
}

grants() { # KIND [NAME]
  local kind=$1 name=${2:-} verdict file
  file=$STATE/policy-$kind-$name.json
  resource policy "$kind${name:+ $name}" 'grants on'
  verdict=$(policies "$NAME" "$file")
  if [[ $verdict == same ]]; then
    say '=' ''
    return
  fi
  DIFFERENCES=${verdict#*$'\n'}
  begin "$([[ -f $file ]] && echo '~' || echo +)" write_policy "$kind" "$name"
}

# IAM may not see a new account yet, and in a new project Google changes policies at the same time.
UNSEEN='Service account .*does not exist|Unknown service account|concurrent policy changes'
write_policy() { # KIND NAME [OPTION…]
  patiently "$UNSEEN" rewrite_policy "$@"
}

# `patiently` disables errexit, so every command here needs `|| return`; otherwise a failure could lose a policy.
rewrite_policy() { # KIND NAME [OPTION…]
  local kind=$1 name=$2 file=$WORK/log/policy-$1-$2 words
  shift 2
  read -ra words <<< "$(iam_command get-iam-policy "$kind" "$name")"
  gcloud "${words[@]}" --format=json > "$file.old.json" || return
  rm -f "$file.new.json"
  policies "$kind${name:+ $name}" "$file.old.json" --write "$file.new.json" "$@" || return
  [[ -f $file.new.json ]] || return 0
  read -ra words <<< "$(iam_command set-iam-policy "$kind" "$name")"
  gcloud "${words[@]:0:3}" "${words[@]:3:1}" "$file.new.json" "${words[@]:4}" --format=none || return
}

# Requests for which gcloud has no command: Firestore's rules, one document and dedicated endpoints.
google_rest() { # MODULE ARGUMENT…
  local module=$1
  shift
  PROJECT=$PROJECT infra_python "infra.rest.$module" "$@"
}
google_rest_with() { # INPUT MODULE ARGUMENT…
  local input=$1
  shift
  google_rest "$@" <<< "$input"
}

# Makes one track with a new pipeline template, before the launcher uses it.
canary() { # TEMPLATE_FILE
  local token
  token=$(gcloud auth print-access-token)
  env PYTHONPATH="$ROOT/src:$ROOT" GOOGLE_OAUTH_ACCESS_TOKEN="$token" GOOGLE_CLOUD_PROJECT="$PROJECT" \
    REGION="$REGION" FIRESTORE_DATABASE="$DATABASE" VERTEX_URL="${GOOGLE_APIS_SCHEME:-https}://$REGION-aiplatform.googleapis.com" \
    STORAGE_URL="${GOOGLE_APIS_SCHEME:-https}://storage.googleapis.com" \
    RESULTS_BUCKET="$RESULTS_BUCKET" PIPELINE_BUCKET="$PIPELINE_BUCKET" PIPELINE_ROOT="gs://$PIPELINE_BUCKET/root" \
    PIPELINE_EVENTS_TOPIC="$PIPELINE_EVENTS_TOPIC" PIPELINE_ACCOUNT="$(account_of pipeline)" \
    "$ROOT/.venv/bin/python" -m operations.canary "$1"
}

# Reads the state that a plan compares with.
NUMBER='' SINK_WRITER=''
read_everything() {
  read_state project apis
  NUMBER=$(fact project "$PROJECT" projectNumber projectId)
  [[ -n $NUMBER ]] || fail "This account can see no project $PROJECT (gcloud auth list)."
  # shellcheck disable=SC2046  # one word a kind
  read_state $(grep -vE '^(#|project|apis|$)' "$INFRA/kinds.tsv" | cut -f1)
  SINK_WRITER=$(fact sinks "$JOB_EVENTS_SINK" writerIdentity)
  read_policies
}

content_hash() { # PATH… below ROOT
  (
    cd "$ROOT"
    find "$@" -type f ! -path '*/__pycache__/*' -print0 | LC_ALL=C sort -z \
      | xargs -0 "${SHA256[@]}" | "${SHA256[@]}" | cut -c1-40
  )
}
