#!/usr/bin/env bash
# Every name of an installation, derived here and nowhere else from PROJECT, REGION and, for several installations in
# one project, PREFIX. REGIONS are further ones that pipelines may run in. To be sourced.
# shellcheck disable=SC2034  # read by the scripts that source this one

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

: "${PROJECT:?Say which Google Cloud project: PROJECT=…}"
REGION=${REGION:-us-central1}
PREFIX=${PREFIX:-}
[[ $PROJECT =~ ^[a-z][a-z0-9-]{4,28}[a-z0-9]$ ]] || fail "PROJECT must be a project's id, not '$PROJECT'."
for region in "$REGION" ${REGIONS:-}; do
  [[ $region =~ ^[a-z]+-[a-z]+[0-9]+$ ]] || fail "REGION and REGIONS must be like us-central1, not '$region'."
done
[[ $PREFIX =~ ^([a-z][a-z0-9]{0,7})?$ ]] || fail "PREFIX must have at most 8 letters and digits, not '$PREFIX'."

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
INFRA=$ROOT/infra
APP=${PREFIX:+$PREFIX-}musicgenerator
WORK=${DEPLOY_WORK:-$ROOT/build/deploy}/$PROJECT/$APP

FUNCTIONS=(upload_handler captioner pipeline_launcher result_notifier)

# Buckets share one namespace with the whole world, so the project's id is part of their names.
IMAGES_BUCKET=$PROJECT-$APP-images
RESULTS_BUCKET=$PROJECT-$APP-results
PIPELINE_BUCKET=$PROJECT-$APP-pipeline
PAGE_BUCKET=$PROJECT-$APP-page
# An origin of its own: under storage.googleapis.com every bucket's page would share one storage in the browser.
PAGE_ORIGIN=https://$PAGE_BUCKET.storage.googleapis.com
# From where pages may send commands and pictures, and read music and Firestore.
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

# The names of accounts have room for 30 characters.
ACCOUNT=${PREFIX:+$PREFIX-}mg
ROLE=${PREFIX:+${PREFIX}_}musicgenerator
# Where GitHub's tokens are taken, if `make deploy-keyless` made it.
POOL=$APP

topic_of() { printf '%s-%s' "$APP" "$1"; }
function_named() { printf '%s-%s' "$APP" "${1//_/-}"; }
bucket_named() { printf '%s-%s-%s' "$PROJECT" "$APP" "$1"; }
account_of() { printf '%s-%s@%s.iam.gserviceaccount.com' "$ACCOUNT" "${1//_/-}" "$PROJECT"; }
role_named() { printf 'projects/%s/roles/%s.%s' "$PROJECT" "$ROLE" "$1"; }

if command -v sha256sum > /dev/null; then SHA256=(sha256sum); else SHA256=(shasum -a 256); fi
