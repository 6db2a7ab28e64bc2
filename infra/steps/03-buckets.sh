#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154  # sourced by deploy.sh: steps share its variables
# Four buckets with uniform access, no soft delete, and lifecycle and CORS from infra/buckets.
# Soft delete would keep deleted pictures and music for a week. Music lives a day longer than its track document.
RESULTS_DAYS=$((${SESSION_DAYS:-30} + 1))
origins=$(printf '"%s", ' "${PAGE_ORIGINS[@]}")
origins=${origins%, }
mkdir -p "$WORK/buckets"
bucket() { # NAME
  local name lifecycle cors prevention flags
  name=$(bucket_named "$1")
  sed "s|RESULTS_DAYS|$RESULTS_DAYS|" "$INFRA/buckets/$1.lifecycle.json" > "$WORK/buckets/$1.lifecycle.json"
  lifecycle=$(cat "$WORK/buckets/$1.lifecycle.json")
  prevention=enforced
  [[ $1 == results || $1 == page ]] && prevention=inherited
  flags=(--uniform-bucket-level-access --soft-delete-duration=0 --lifecycle-file="$WORK/buckets/$1.lifecycle.json"
    "--$([[ $prevention == enforced ]] || echo no-)public-access-prevention")
  resource buckets "$name" "bucket"
  want location "$(tr '[:lower:]' '[:upper:]' <<< "$REGION")"
  want iamConfiguration/uniformBucketLevelAccess/enabled true
  want iamConfiguration/publicAccessPrevention "$prevention"
  want softDeletePolicy/retentionDurationSeconds 0
  want lifecycle "$lifecycle"
  if [[ -f $INFRA/buckets/$1.cors.json ]]; then
    sed "s|PAGE_ORIGINS|$origins|" "$INFRA/buckets/$1.cors.json" > "$WORK/buckets/$1.cors.json"
    cors=$(cat "$WORK/buckets/$1.cors.json")
    want cors "$cors"
  fi
  create make_bucket "$1" "$name" "${flags[@]}"
  change gcloud storage buckets update "gs://$name" "${flags[@]}" ${cors:+--cors-file="$WORK/buckets/$1.cors.json"} \
    --update-labels=app="$APP"
  settle
}

# `buckets create` has no flags for lifecycle and CORS.
make_bucket() { # SHORT NAME FLAG…
  local short=$1 name=$2 cors=()
  shift 2
  gcloud storage buckets create "gs://$name" --location="$REGION" --uniform-bucket-level-access \
    --soft-delete-duration=0 --format=none
  [[ -f $INFRA/buckets/$short.cors.json ]] && cors=(--cors-file="$WORK/buckets/$short.cors.json")
  gcloud storage buckets update "gs://$name" "$@" ${cors[@]+"${cors[@]}"} --update-labels=app="$APP" --format=none
}

for short in images results pipeline page; do bucket "$short"; done
barrier
