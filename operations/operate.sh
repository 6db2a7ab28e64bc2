#!/usr/bin/env bash
# Runs a command with the variables of the installation in PROJECT, authorized as gcloud's account.
set -euo pipefail
# shellcheck source=infra/names.sh
source "$(dirname "${BASH_SOURCE[0]}")/../infra/names.sh"

export GOOGLE_CLOUD_PROJECT=$PROJECT FIRESTORE_DATABASE=$DATABASE CLOUDSDK_CORE_PROJECT=$PROJECT
export REGION APP IMAGES_BUCKET RESULTS_BUCKET PIPELINE_EVENTS_TOPIC PICTURES_TOPIC
export CLOUDSDK_CORE_DISABLE_PROMPTS=1
GOOGLE_OAUTH_ACCESS_TOKEN=$(gcloud auth print-access-token)
DEAD_LETTERS="$(topic_of uploads-dead-letters):$PICTURES_TOPIC"
for topic in pictures captions pipeline-events; do
  DEAD_LETTERS+=" $(topic_of "$topic-dead-letters"):$(topic_of "$topic")"
done
export GOOGLE_OAUTH_ACCESS_TOKEN DEAD_LETTERS
exec "$@"
