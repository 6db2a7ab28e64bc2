#!/usr/bin/env bash
# A music model of one's own on a Vertex AI endpoint: `model.sh deploy|route|undeploy`.
#   deploy    MODEL=gs://bucket/folder [SHARE=100] [MACHINE=g2-standard-8] [ACCELERATOR=type=nvidia-l4,count=1]
#             image, model version, endpoint, and the version on it with SHARE percent of the traffic
#   route     VERSIONS=ID=90,ID=10: what each deployed version answers; ID=100 is a rollback
#   undeploy  ends every version's machines and removes the endpoint; models and image stay, they cost next to nothing
set -euo pipefail
# shellcheck source=infra/ensure.sh
source "$(dirname "${BASH_SOURCE[0]}")/ensure.sh"

TITLE=$APP-model
at=(--region="$REGION")

first() { # COMMAND… prints the id of the newest resource called TITLE
  local found
  found=$(gcloud ai "$@" list "${at[@]}" --filter="displayName=$TITLE" --sort-by=~createTime --format='value(name)' 2> /dev/null)
  found=${found%%$'\n'*}
  printf '%s' "${found##*/}"
}

ensure_image() {
  local tag context=$WORK/model-context
  tag=$(content_hash pipeline/model_server pipeline/__init__.py)
  IMAGE=$MODEL_IMAGE_NAME:$tag
  [[ $(fact repositories "$REPOSITORY" labels/model) != "$tag" ]] || return 0
  echo "Building $IMAGE"
  rm -rf "$context"
  mkdir -p "$context/pipeline"
  cp "$ROOT/pipeline/__init__.py" "$context/pipeline/"
  cp -R "$ROOT/pipeline/model_server" "$context/pipeline/"
  gcloud builds submit "$context" --config="$INFRA/builds/image.yaml" --region="$REGION" --suppress-logs \
    --substitutions="_IMAGE=$IMAGE,_DOCKERFILE=pipeline/model_server/Dockerfile" \
    --gcs-source-staging-dir="gs://$PIPELINE_BUCKET/builds" \
    --service-account="projects/$PROJECT/serviceAccounts/$(account_of builder)" --format=none
  gcloud artifacts repositories update "$REPOSITORY" --location="$REGION" --update-labels="model=$tag" --format=none
}

# What answers now, as ID=PERCENT words.
traffic() { # ENDPOINT
  gcloud ai endpoints describe "$1" "${at[@]}" --format=json 2> /dev/null | "$PYTHON" -IS -c 'import json, sys
for model, share in json.load(sys.stdin).get("trafficSplit", {}).items():
    print(f"{model}={share}")'
}

deploy() {
  : "${MODEL:?Say where the model lies: MODEL=gs://bucket/folder}"
  local share=${SHARE:-100} endpoint model parent split number=100 word
  read_state project apis
  read_state repositories
  exists repositories "$REPOSITORY" || fail "Deploy the installation first: make deploy PROJECT=$PROJECT"
  ensure_image
  parent=$(first models)
  gcloud ai models upload "${at[@]}" --display-name="$TITLE" --container-image-uri="$IMAGE" --artifact-uri="$MODEL" \
    --container-health-route=/health --container-predict-route=/predict --container-ports=8080 \
    --container-env-vars="MODEL_NAME=${MODEL_NAME:-musicgen}" --labels="app=$APP" \
    ${parent:+--parent-model="projects/$PROJECT/locations/$REGION/models/$parent"} --format=none
  model=$(first models)
  endpoint=$(first endpoints)
  if [[ -z $endpoint ]]; then
    # gcloud 528 cannot make a dedicated endpoint, and a shared one is too small and too impatient for music.
    google_rest dedicated_endpoint "$REGION" "$TITLE" "$APP"
    endpoint=$(first endpoints)
  fi
  split=0=$share
  for word in $(traffic "$endpoint"); do
    # Whoever answered before keeps the rest, in the proportions of before.
    number=$(("${word#*=}" * (100 - share) / 100))
    split+=",${word%%=*}=$number"
  done
  gcloud ai endpoints deploy-model "$endpoint" "${at[@]}" --model="$model" --display-name="$TITLE" \
    --machine-type="${MACHINE:-g2-standard-8}" --accelerator="${ACCELERATOR:-type=nvidia-l4,count=1}" \
    --min-replica-count=1 --max-replica-count="${REPLICAS:-1}" --service-account="$(account_of model)" \
    --traffic-split="$split"
  echo "It answers with $split (0 is the new version)."
  echo "Use it: make deploy PROJECT=$PROJECT MODEL_ENDPOINT=https://$endpoint.$REGION-$(fact project "$PROJECT" \
    projectNumber projectId).prediction.vertexai.goog/v1/projects/$PROJECT/locations/$REGION/endpoints/$endpoint"
}

route() {
  local endpoint
  endpoint=$(first endpoints)
  [[ -n $endpoint ]] || fail "No model is deployed in $PROJECT."
  if [[ -z ${VERSIONS:-} ]]; then
    traffic "$endpoint"
    return
  fi
  gcloud ai endpoints update "$endpoint" "${at[@]}" --traffic-split="$VERSIONS"
}

undeploy() {
  local endpoint version
  endpoint=$(first endpoints)
  if [[ -z $endpoint ]]; then
    echo "No model is deployed in $PROJECT."
    return
  fi
  for version in $(gcloud ai endpoints describe "$endpoint" "${at[@]}" --format='value(deployedModels[].id)' 2> /dev/null | tr ';' ' '); do
    gcloud ai endpoints undeploy-model "$endpoint" "${at[@]}" --deployed-model-id="$version"
  done
  gcloud ai endpoints delete "$endpoint" "${at[@]}"
  echo "The machines are gone. Set MODEL_ENDPOINT= at the next deployment."
}

case ${1:-} in
  deploy | route | undeploy) "$1" ;;
  *) fail "model.sh deploy|route|undeploy" ;;
esac
