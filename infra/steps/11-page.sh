#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154  # sourced by deploy.sh: steps share its variables
# The page: this step writes the installation's addresses into config.json and the Content-Security-Policy.
# The browser's key works only for Firestore and only from the page's origins; the security rules limit what it reads.
resource keys "$APP page" "browser key" displayName
want restrictions/apiTargets/0/service firestore.googleapis.com
referrers=$(printf '%s/*,' "${PAGE_ORIGINS[@]}")
referrers=${referrers%,}
want restrictions/browserKeyRestrictions/allowedReferrers "[\"${referrers//,/\",\"}\"]"
restrictions=(--api-target=service=firestore.googleapis.com --allowed-referrers="$referrers")
create gcloud services api-keys create --display-name="$APP page" "${restrictions[@]}" --format=none
key=$(fact keys "$APP page" uid displayName)
change gcloud services api-keys update "$key" "${restrictions[@]}" --format=none
settle
barrier
if [[ $MODE == apply && -z $key ]]; then
  read_state keys
  key=$(fact keys "$APP page" uid displayName)
fi
KEY_STRING=
if [[ -n $key ]]; then
  KEY_STRING=$(gcloud services api-keys get-key-string "$key" --format='value(keyString)')
fi

[[ -f $ROOT/build/web/index.html ]] || fail "The page is not built: run 'make build' first."
PYTHONPATH=$ROOT/src:$ROOT "$ROOT/.venv/bin/python" -m infra.page "$ROOT/build/web" "$WORK/page" \
  --api "$API_URL" --results-bucket "$RESULTS_BUCKET" --project "$PROJECT" --database "$DATABASE" --key "$KEY_STRING" --drop-session "$DROP_SESSION"
PAGE_HASH=$(cd "$WORK/page" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 "${SHA256[@]}" | "${SHA256[@]}" | cut -c1-40)

upload_page() {
  # Files with a hash in their name come first and are cached for ever; the documents that refer to them come last.
  gcloud storage cp --recursive "$WORK/page/assets" "gs://$PAGE_BUCKET/" \
    --cache-control='public, max-age=31536000, immutable'
  local files=() file
  for file in "$WORK"/page/*; do
    [[ ! -f $file || $file == *.html ]] || files+=("$file")
  done
  gcloud storage cp "${files[@]}" "gs://$PAGE_BUCKET/" --cache-control=no-cache
  gcloud storage cp "$WORK"/page/*.html "gs://$PAGE_BUCKET/" --cache-control=no-cache
  gcloud storage buckets update "gs://$PAGE_BUCKET" --update-labels="page=$PAGE_HASH" \
    --web-main-page-suffix=index.html --format=none
}
resource buckets "$PAGE_BUCKET" "page"
want labels/page "$PAGE_HASH"
create upload_page
change upload_page
settle
barrier
