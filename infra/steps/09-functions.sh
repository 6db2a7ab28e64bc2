#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154  # sourced by deploy.sh: steps share its variables
# The functions, from their staged directories, each with its own account and flags file.
# The label `release` is the hash of everything that a function is made from; if it differs, the function is deployed.
setting() { printf '%s: %s\n' "$1" "$(ask quoted "$2")"; }

environment() { # FUNCTION
  # Each region of Vertex AI has its own address; with several regions, the function fills in the region.
  local vertex=$REGION
  [[ -z ${REGIONS:-} ]] || vertex='{region}'
  setting GOOGLE_CLOUD_PROJECT "$PROJECT"
  setting REGION "$REGION"
  setting FIRESTORE_DATABASE "$DATABASE"
  setting IMAGES_BUCKET "$IMAGES_BUCKET"
  setting RESULTS_BUCKET "$RESULTS_BUCKET"
  setting STORAGE_URL https://storage.googleapis.com
  setting VERTEX_URL "https://$vertex-aiplatform.googleapis.com"
  setting CAPTIONS_TOPIC "$CAPTIONS_TOPIC"
  setting PICTURES_TOPIC "$PICTURES_TOPIC"
  setting DEFAULT_ENGINE "${DEFAULT_ENGINE:-lyria-002}"
  setting LOG_EXECUTION_ID true
  # Otherwise the storage client reads the bucket's metadata, for which no account has a grant.
  setting DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA true
  case $1 in
    upload_handler)
      setting PIPELINE_BUCKET "$PIPELINE_BUCKET"
      setting IAM_CREDENTIALS_URL https://iamcredentials.googleapis.com
      setting UPLOAD_SIGNER "$(account_of upload_signer)"
      setting ALLOWED_ORIGINS "${PAGE_ORIGINS[*]}"
      optional SESSION_TRACKS_A_DAY ADDRESS_TRACKS_A_DAY TRACKS_A_DAY ADDRESS_SESSIONS_A_DAY SESSION_DAYS
      ;;
    captioner)
      setting DROP_SESSION "$DROP_SESSION"
      setting OPENAI_MODEL "${OPENAI_MODEL:-gpt-6-luna}"
      setting MODERATION_MODEL "${MODERATION_MODEL-omni-moderation-latest}"
      optional OPENAI_BASE_URL MODERATION_THRESHOLDS
      ;;
    pipeline_launcher)
      setting PIPELINE_TEMPLATE "$TEMPLATE"
      setting PIPELINE_BUCKET "$PIPELINE_BUCKET"
      setting PIPELINE_ROOT "gs://$PIPELINE_BUCKET/root"
      setting PIPELINE_ACCOUNT "$(account_of pipeline)"
      setting PIPELINE_EVENTS_TOPIC "$PIPELINE_EVENTS_TOPIC"
      setting FALLBACK_ENGINE "${FALLBACK_ENGINE-composer}"
      setting MODEL_ENDPOINT "${MODEL_ENDPOINT:-}"
      optional DAILY_LIMIT REGIONS
      ;;
    result_notifier)
      setting PIPELINE_BUCKET "$PIPELINE_BUCKET"
      setting TELEMETRY_URL https://telemetry.googleapis.com
      optional REGIONS
      ;;
  esac
}
# Passes on settings that the operator has set; the functions have defaults for the others.
optional() {
  local name
  for name in "$@"; do [[ -z ${!name:-} ]] || setting "$name" "${!name}"; done
}

deploy_function() { # FUNCTION FLAGS
  gcloud functions deploy "$(function_named "$1")" --region="$REGION" --flags-file="$INFRA/functions/every.yaml" \
    --flags-file="$2" --format=none
}

mkdir -p "$WORK/functions"
[[ -f $ROOT/build/upload_handler/main.py ]] || fail "The functions are not staged: run 'make build' first."
for function in "${FUNCTIONS[@]}"; do
  file=$WORK/functions/$function
  environment "$function" > "$file.env.yaml"
  {
    cat "$INFRA/functions/$function.yaml"
    setting --source "$ROOT/build/$function"
    setting --env-vars-file "$file.env.yaml"
    setting --service-account "$(account_of "$function")"
    setting --build-service-account "projects/$PROJECT/serviceAccounts/$(account_of builder)"
    setting --docker-repository "projects/$PROJECT/locations/$REGION/repositories/$REPOSITORY"
    [[ $function != captioner ]] || setting --set-secrets "OPENAI_API_KEY=$OPENAI_SECRET:${OPENAI_VERSION:-1}"
  } > "$file.flags.yaml"
  release=$(
    {
      cat "$INFRA/functions/every.yaml" "$file.env.yaml"
      sed "s|$ROOT||; s|$WORK||" "$file.flags.yaml"
      content_hash "build/$function"
    } | "${SHA256[@]}" | cut -c1-40
  )
  setting --update-labels "app=$APP,function=${function//_/-},release=$release" >> "$file.flags.yaml"
  resource functions "$(function_named "$function")" "function"
  want labels/release "$release"
  want state ACTIVE
  want serviceConfig/serviceAccountEmail "$(account_of "$function")"
  create deploy_function "$function" "$file.flags.yaml"
  change deploy_function "$function" "$file.flags.yaml"
  if [[ $function == pipeline_launcher ]]; then
    # A deployed launcher gets a new template only after a canary has made a track with it.
    before=$(fact functions "$(function_named "$function")" serviceConfig/environmentVariables/PIPELINE_TEMPLATE)
    if [[ $MODE == apply && -n $before && $before != "$TEMPLATE" && ${CANARY:-yes} != no ]]; then
      barrier
      echo "  a canary makes a track with the new template"
      canary "$TEMPLATE_FILE" || fail "The canary made no track; the launcher keeps $before."
    fi
  fi
  settle
done
barrier
! changed functions || read_state functions

url_of() { # FUNCTION
  local url
  url=$(fact functions "$(function_named "$1")" serviceConfig/uri)
  printf '%s' "${url:-(its address)}"
}
API_URL=$(url_of upload_handler)
