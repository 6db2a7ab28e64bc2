#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154  # sourced by deploy.sh: steps share its variables
# The image of the pipeline's step, tagged with the hash of its sources, and the template compiled for it, named by its
# own hash. Tags never move, so a template always uses the same image.
image_sources=(pipeline/Dockerfile pipeline/requirements.txt pipeline/*.py pipeline/engines pipeline/assets src/musicgenerator)
cd "$ROOT" || exit 1
IMAGE_TAG=$(content_hash "${image_sources[@]}")
IMAGE=$PIPELINE_IMAGE_NAME:$IMAGE_TAG
TEMPLATE_FILE=$WORK/pipeline/$IMAGE_TAG.yaml
if [[ ! -s $TEMPLATE_FILE ]]; then
  PYTHONPATH=$ROOT/src:$ROOT "$ROOT/.venv/bin/python" -m pipeline.definition --image "$IMAGE" --output "$TEMPLATE_FILE"
fi
TEMPLATE_HASH=$("${SHA256[@]}" "$TEMPLATE_FILE" | cut -c1-40)
TEMPLATE=gs://$PIPELINE_BUCKET/templates/$TEMPLATE_HASH.yaml

build_image() {
  # The sources go to the pipeline's bucket and the logs to Cloud Logging, for which the builder's account has grants.
  local context=$WORK/context
  rm -rf "$context"
  mkdir -p "$context/pipeline" "$context/src"
  cp "$ROOT"/pipeline/*.py "$ROOT/pipeline/Dockerfile" "$ROOT/pipeline/requirements.txt" "$context/pipeline/"
  cp -R "$ROOT/pipeline/engines" "$ROOT/pipeline/assets" "$context/pipeline/"
  cp -R "$ROOT/src/musicgenerator" "$context/src/"
  find "$context" -name __pycache__ -prune -exec rm -rf {} +
  gcloud builds submit "$context" --config="$INFRA/builds/image.yaml" --region="$REGION" --suppress-logs \
    --substitutions="_IMAGE=$IMAGE,_DOCKERFILE=pipeline/Dockerfile" \
    --gcs-source-staging-dir="gs://$PIPELINE_BUCKET/builds" \
    --service-account="projects/$PROJECT/serviceAccounts/$(account_of builder)" --format=none
  # Written last: the label says that the image exists.
  gcloud artifacts repositories update "$REPOSITORY" --location="$REGION" --update-labels="pipeline=$IMAGE_TAG" --format=none
}
resource repositories "$REPOSITORY" "pipeline image"
want labels/pipeline "$IMAGE_TAG"
create build_image
change build_image
settle
barrier

upload_template() {
  gcloud storage cp "$TEMPLATE_FILE" "$TEMPLATE" --content-type=application/yaml
  gcloud storage buckets update "gs://$PIPELINE_BUCKET" --update-labels="template=$TEMPLATE_HASH" --format=none
}
resource buckets "$PIPELINE_BUCKET" "pipeline template"
want labels/template "$TEMPLATE_HASH"
create upload_template
change upload_template
settle
barrier
