#!/usr/bin/env bash
# Deletes an installation with all its data. The script can run again; it skips resources that no longer exist.
# APIs stay enabled, Google's agents keep their grants, and a deleted custom role's id stays reserved for weeks.
set -euo pipefail
# shellcheck source=infra/ensure.sh
source "$(dirname "${BASH_SOURCE[0]}")/ensure.sh"

remove() { # KIND NAME DESCRIPTION KEY COMMAND…
  resource "$1" "$2" "$3" "$4"
  shift 4
  exists "$KIND" "$NAME" "$KEY" || return 0
  begin - "$@"
}

remove_database() {
  google_rest firestore_rules remove "$DATABASE"
  gcloud firestore databases update --database="$DATABASE" --no-delete-protection --format=none
  gcloud firestore databases delete --database="$DATABASE" --format=none
}

steps() {
  local name kind function
  STEP=model
  for name in $(installed endpoints name ''); do
    remove endpoints "$name" "model's endpoint" name remove_endpoint "$name"
  done
  barrier
  for name in $(installed models name ''); do
    remove models "$name" model name gcloud ai models delete "$name" --region="$REGION"
  done
  barrier
  STEP=deliveries
  remove triggers "$UPLOADS_TRIGGER" trigger name gcloud eventarc triggers delete "$UPLOADS_TRIGGER" --location="$REGION"
  remove jobs "$TICK_JOB" "scheduler's tick" name gcloud scheduler jobs delete "$TICK_JOB" --location="$REGION"
  remove sinks "$JOB_EVENTS_SINK" "log sink" name gcloud logging sinks delete "$JOB_EVENTS_SINK"
  for name in $(installed subscriptions name "$APP-"); do
    remove subscriptions "$name" subscription name gcloud pubsub subscriptions delete "$name"
  done
  barrier
  STEP=functions
  for function in "${FUNCTIONS[@]}"; do
    name=$(function_named "$function")
    remove functions "$name" function name gcloud functions delete "$name" --region="$REGION" --gen2
  done
  for name in $(installed topics name "$APP-"); do
    remove topics "$name" topic name gcloud pubsub topics delete "$name"
  done
  barrier
  STEP=monitoring
  "$PYTHON" -IS "$INFRA/monitoring/installed.py" "$APP" "$STATE" > "$WORK/monitoring.tsv"
  while IFS=$'\t' read -r kind name title; do
    resource "$kind" "$title" "${kind%s}" displayName
    case $kind in
      policies) begin - gcloud alpha monitoring policies delete "$name" ;;
      dashboards) begin - gcloud monitoring dashboards delete "$name" ;;
      channels) begin - gcloud beta monitoring channels delete "$name" --force ;;
    esac
  done < "$WORK/monitoring.tsv"
  for name in $(installed metrics name "$APP-"); do
    remove metrics "$name" "log-based metric" name gcloud logging metrics delete "$name"
  done
  barrier
  STEP=storage
  for name in images results pipeline page; do
    remove buckets "$(bucket_named "$name")" bucket name gcloud storage rm --recursive "gs://$(bucket_named "$name")"
  done
  remove repositories "$REPOSITORY" "image repository" name \
    gcloud artifacts repositories delete "$REPOSITORY" --location="$REGION"
  for name in "$OPENAI_SECRET" "$DROP_SECRET"; do
    remove secrets "$name" secret name gcloud secrets delete "$name"
  done
  remove keys "$APP page" "browser key" displayName gcloud services api-keys delete \
    "$(fact keys "$APP page" uid displayName)"
  remove databases "$DATABASE" database name remove_database
  barrier
  STEP=accounts
  resource policy project "grants on"
  if [[ $(policies project "$STATE/policy-project-.json" --none) != same ]]; then
    begin - write_policy project '' --none
  fi
  remove pools "$POOL" "identity pool" name gcloud iam workload-identity-pools delete "$POOL" --location=global
  barrier
  while read -r name; do
    [[ -n $(fact custom_roles "$ROLE.$name" deleted) ]] \
      || remove custom_roles "$ROLE.$name" "custom role" name gcloud iam roles delete "$ROLE.$name" --project="$PROJECT"
  done < <(policies --custom)
  for name in upload_handler captioner pipeline_launcher result_notifier upload_signer pipeline model \
    eventarc_trigger push builder deployer; do
    remove accounts "$(account_of "$name")" account email gcloud iam service-accounts delete "$(account_of "$name")"
  done
  barrier
}

on_exit() {
  local status=$?
  ((status == 0)) || [[ $MODE == plan ]] \
    || printf '\nStopped in %s. Fix the cause and run the same command again; logs are in %s.\n' "$STEP" "$WORK/log" >&2
}
trap on_exit EXIT

read_everything
echo '[]' | tee "$STATE/endpoints.json" > "$STATE/models.json"
if exists apis aiplatform.googleapis.com; then read_vertex endpoints models; fi
echo '[]' > "$STATE/pools.json"
if exists apis iam.googleapis.com; then read_all "pools"$'\t'"iam workload-identity-pools list --location=global"; fi
: > "$WORK/plan.tsv"
MODE=plan
steps
cut -f1-3 "$WORK/plan.tsv" | sed 's/^/  /'
if [[ ! -s $WORK/plan.tsv ]]; then
  echo "$PROJECT has no resources of $APP."
  exit 0
fi
echo
echo "$(wc -l < "$WORK/plan.tsv") resources, with all pictures, music, tracks and messages in them."
if [[ ${YES:-} != 1 ]]; then
  read -rp "Type the project's id to destroy them: " answer
  [[ $answer == "$PROJECT" ]] || fail "Nothing was changed."
fi
MODE=apply
steps
echo "Destroyed."
