#!/usr/bin/env bash
# Deploys your own music model to a Vertex AI endpoint: `model.sh deploy|route|undeploy`.
#   deploy    MODEL=gs://bucket/folder [SHARE=100] [MACHINE=g2-standard-8] [ACCELERATOR=type=nvidia-l4,count=1]
#             builds the image, uploads a model version and deploys it with SHARE percent of the traffic
#   route     VERSIONS=ID=90,ID=10 sets each version's percentage; ID=100 is a rollback; without VERSIONS it shows them
#   undeploy  stops the machines of all versions and deletes the endpoint; models and image stay and cost very little
set -euo pipefail
# shellcheck source=infra/ensure.sh
source "$(dirname "${BASH_SOURCE[0]}")/ensure.sh"

TITLE=$APP-model
at=(--region="$REGION")

newest() { # models|endpoints: prints the id of the newest one, or nothing
  local found
  read_vertex "$1"
  found=$(installed "$1" name '') || exit
  printf '%s' "${found%%$'\n'*}"
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

# Prints the current traffic split as ID=PERCENT words.
traffic() { # ENDPOINT
  read_all "endpoint"$'\t'"ai endpoints describe $1 ${at[*]}"
  "$PYTHON" -IS -c 'import json, sys
for model, share in json.load(open(sys.argv[1])).get("trafficSplit", {}).items():
    print(f"{model}={share}")' "$STATE/endpoint.json"
}

# Prints the new traffic split. The new version, which gcloud calls 0, gets SHARE percent; the other versions split the
# remainder in their current proportions, and the largest of them also gets the rounding error.
split_of() { # SHARE ID=PERCENT…
  local rest=$((100 - $1)) left=$((100 - $1)) split=0=$1 largest=0 word number
  shift
  if (($# == 0)); then
    printf '0=100'
    return
  fi
  for word in "$@"; do
    left=$((left - ${word#*=} * rest / 100))
    ((${word#*=} <= largest)) || largest=${word#*=}
  done
  for word in "$@"; do
    number=$((${word#*=} * rest / 100))
    if ((${word#*=} == largest)); then
      number=$((number + left)) left=0
    fi
    split+=",${word%%=*}=$number"
  done
  printf '%s' "$split"
}

deploy() {
  : "${MODEL:?Set the folder of the model: MODEL=gs://bucket/folder}"
  local share=${SHARE:-100} endpoint model parent split current
  [[ $share =~ ^(100|[1-9]?[0-9])$ ]] || fail "SHARE is the new version's percentage, 0 to 100, not '$share'."
  read_state project apis
  read_state repositories
  exists repositories "$REPOSITORY" || fail "Deploy the installation first: make deploy PROJECT=$PROJECT"
  ensure_image
  parent=$(newest models)
  # deploy-model below deploys the model's default version, which is the first one unless the new one gets the alias.
  gcloud ai models upload "${at[@]}" --display-name="$TITLE" --container-image-uri="$IMAGE" --artifact-uri="$MODEL" \
    --container-health-route=/health --container-predict-route=/predict --container-ports=8080 \
    --container-env-vars="MODEL_NAME=${MODEL_NAME:-musicgen}" --labels="app=$APP" \
    --version-aliases=default ${parent:+--parent-model="projects/$PROJECT/locations/$REGION/models/$parent"} --format=none
  model=$(newest models)
  endpoint=$(newest endpoints)
  if [[ -z $endpoint ]]; then
    # gcloud 528 cannot create a dedicated endpoint; a shared one is too small and too slow for music.
    google_rest dedicated_endpoint "$REGION" "$TITLE" "$APP"
    endpoint=$(newest endpoints)
  fi
  current=$(traffic "$endpoint")
  # shellcheck disable=SC2086  # one word a version
  split=$(split_of "$share" $current)
  gcloud ai endpoints deploy-model "$endpoint" "${at[@]}" --model="$model" --display-name="$TITLE" \
    --machine-type="${MACHINE:-g2-standard-8}" --accelerator="${ACCELERATOR:-type=nvidia-l4,count=1}" \
    --min-replica-count=1 --max-replica-count="${REPLICAS:-1}" --service-account="$(account_of model)" \
    --traffic-split="$split"
  echo "The traffic split is $split (0 is the new version)."
  echo "To use the model: make deploy PROJECT=$PROJECT MODEL_ENDPOINT=https://$endpoint.$REGION-$(fact project "$PROJECT" \
    projectNumber projectId).prediction.vertexai.goog/v1/projects/$PROJECT/locations/$REGION/endpoints/$endpoint"
}

route() {
  local endpoint
  endpoint=$(newest endpoints)
  [[ -n $endpoint ]] || fail "No model is deployed in $PROJECT."
  if [[ -z ${VERSIONS:-} ]]; then
    traffic "$endpoint"
    return
  fi
  gcloud ai endpoints update "$endpoint" "${at[@]}" --traffic-split="$VERSIONS"
}

undeploy() {
  local endpoint
  endpoint=$(newest endpoints)
  if [[ -z $endpoint ]]; then
    echo "No model is deployed in $PROJECT."
    return
  fi
  remove_endpoint "$endpoint"
  echo "The machines are stopped. Set MODEL_ENDPOINT= at the next deployment."
}

case ${1:-} in
  deploy | route | undeploy) "$1" ;;
  *) fail "model.sh deploy|route|undeploy" ;;
esac
