#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154  # sourced by deploy.sh: steps share its variables
# Enables the APIs that an installation uses. They stay enabled when it is destroyed, because others may use them.
APIS=(
  aiplatform apikeys artifactregistry cloudbuild cloudfunctions cloudresourcemanager cloudscheduler cloudtrace
  eventarc firebaserules firestore iam iamcredentials logging monitoring pubsub run secretmanager serviceusage storage
  telemetry
)
missing=()
# In a new project no API may be enabled; grep then fails.
enabled=$({ grep -o '[a-z]*\.googleapis\.com' "$STATE/apis.json" || true; } | sort -u)
for api in "${APIS[@]}"; do
  grep -qx "$api.googleapis.com" <<< "$enabled" || missing+=("$api.googleapis.com")
done
# Service Usage accepts at most twenty APIs per request.
enable_apis() {
  while (($#)); do
    gcloud services enable "${@:1:20}" || return
    shift $(($# < 20 ? $# : 20))
  done
}
resource apis "${#missing[@]} of ${#APIS[@]}" "APIs to enable"
if ((${#missing[@]})); then
  begin + enable_apis "${missing[@]}"
else
  say '=' ''
fi
barrier
! changed apis || read_state apis
