#!/usr/bin/env bash
# All names of an installation, derived from PROJECT, REGION and PREFIX, which separates installations in one project.
# REGIONS are further regions in which pipelines may run. Source this file.
# shellcheck disable=SC2034  # read by the scripts that source this one

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

: "${PROJECT:?Set the Google Cloud project: PROJECT=…}"
REGION=${REGION:-us-central1}
PREFIX=${PREFIX:-}
[[ $PROJECT =~ ^[a-z][a-z0-9-]{4,28}[a-z0-9]$ ]] || fail "PROJECT must be a project's id, not '$PROJECT'."
for region in "$REGION" ${REGIONS:-}; do
  [[ $region =~ ^[a-z]+-[a-z]+[0-9]+$ ]] || fail "REGION and REGIONS must have the form us-central1, not '$region'."
done
[[ $PREFIX =~ ^([a-z][a-z0-9]{0,7})?$ ]] || fail "PREFIX must have at most 8 letters and digits, not '$PREFIX'."

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
INFRA=$ROOT/infra
APP=${PREFIX:+$PREFIX-}musicgenerator
WORK=${DEPLOY_WORK:-$ROOT/build/deploy}/$PROJECT/$APP

FUNCTIONS=(upload_handler captioner pipeline_launcher result_notifier)

# Bucket names are global, so they contain the project's id.
IMAGES_BUCKET=$PROJECT-$APP-images
RESULTS_BUCKET=$PROJECT-$APP-results
PIPELINE_BUCKET=$PROJECT-$APP-pipeline
PAGE_BUCKET=$PROJECT-$APP-page
# The page has its own origin, because all pages under storage.googleapis.com share one browser storage.
PAGE_ORIGIN=https://$PAGE_BUCKET.storage.googleapis.com
# The origins whose pages may send commands and pictures, and read music and Firestore.
read -ra PAGE_ORIGINS <<< "$PAGE_ORIGIN ${ALLOWED_ORIGINS:-}"

PICTURES_TOPIC=$APP-pictures
CAPTIONS_TOPIC=$APP-captions
PIPELINE_EVENTS_TOPIC=$APP-pipeline-events
UPLOADS_TRIGGER=$APP-uploads
JOB_EVENTS_SINK=$APP-pipeline-events
TICK_JOB=$APP-tick
DATABASE=$APP
REPOSITORY=$APP
OPENAI_SECRET=$APP-openai-api-key
DROP_SECRET=$APP-drop-session
PIPELINE_IMAGE_NAME=$REGION-docker.pkg.dev/$PROJECT/$REPOSITORY/pipeline-python
MODEL_IMAGE_NAME=$REGION-docker.pkg.dev/$PROJECT/$REPOSITORY/model-server

# A service account's name has at most 30 characters.
ACCOUNT=${PREFIX:+$PREFIX-}mg
ROLE=${PREFIX:+${PREFIX}_}musicgenerator
# The identity pool that `make deploy-keyless` creates for GitHub's tokens.
POOL=$APP

topic_of() { printf '%s-%s' "$APP" "$1"; }
function_named() { printf '%s-%s' "$APP" "${1//_/-}"; }
bucket_named() { printf '%s-%s-%s' "$PROJECT" "$APP" "$1"; }
account_of() { printf '%s-%s@%s.iam.gserviceaccount.com' "$ACCOUNT" "${1//_/-}" "$PROJECT"; }

if command -v sha256sum > /dev/null; then SHA256=(sha256sum); else SHA256=(shasum -a 256); fi
