#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154  # sourced by deploy.sh: steps share its variables
# Two secrets, each used with a pinned version: the describer's key, and the drop session's id and secret.
for name in "$OPENAI_SECRET" "$DROP_SECRET"; do
  resource secrets "$name" "secret"
  want labels/app "$APP"
  create gcloud secrets create "$name" --replication-policy=user-managed --locations="$REGION" --labels="app=$APP"
  change gcloud secrets update "$name" --update-labels="app=$APP"
  settle
done
resource repositories "$REPOSITORY" "image repository"
want labels/app "$APP"
want format DOCKER
create gcloud artifacts repositories create "$REPOSITORY" --location="$REGION" --repository-format=docker \
  --labels="app=$APP" --description="$APP: images"
change gcloud artifacts repositories update "$REPOSITORY" --location="$REGION" --update-labels="app=$APP"
settle
barrier

read_versions() {
  local name lines=()
  for name in "$OPENAI_SECRET" "$DROP_SECRET"; do
    echo '[]' > "$STATE/versions-$name.json"
    if exists secrets "$name" || [[ $MODE == apply ]]; then
      lines+=("versions-$name"$'\t'"secrets versions list $name --filter=state=ENABLED --sort-by=~createTime")
    fi
  done
  ((${#lines[@]} == 0)) || read_all "${lines[@]}"
}
version_of() { # SECRET
  "$PYTHON" -IS -c 'import json, sys
versions = [int(v["name"].rpartition("/")[2]) for v in json.load(open(sys.argv[1]))]
print(max(versions, default=""))' "$STATE/versions-$1.json"
}
add_key() {
  printf '%s' "$OPENAI_API_KEY" | gcloud secrets versions add "$OPENAI_SECRET" --data-file=- --format=none
}
add_session() {
  google_rest drop_session new | gcloud secrets versions add "$DROP_SECRET" --data-file=- --format=none
}
read_versions
resource versions "$OPENAI_SECRET" "secret's version"
if [[ -n ${OPENAI_API_KEY:-} && (-z $(version_of "$OPENAI_SECRET") || ${NEW_KEY:-} == 1) ]]; then
  begin + add_key
elif [[ -z $(version_of "$OPENAI_SECRET") ]]; then
  say + "set OPENAI_API_KEY"
  [[ $MODE == plan ]] || fail "The describer needs a key: OPENAI_API_KEY=… make deploy PROJECT=$PROJECT"
else
  say '=' ''
fi
resource versions "$DROP_SECRET" "secret's version"
if [[ -z $(version_of "$DROP_SECRET") ]]; then begin + add_session; else say '=' ''; fi
barrier
! changed versions || read_versions
OPENAI_VERSION=$(version_of "$OPENAI_SECRET")
DROP_VERSION=$(version_of "$DROP_SECRET")

# The session's document lets the page show dropped pictures. It has only the secret's hash.
resource documents "sessions/(drop session)" "document"
DROP_SESSION=
if [[ -n $DROP_VERSION ]]; then
  drop=$(gcloud secrets versions access "$DROP_VERSION" --secret="$DROP_SECRET")
  DROP_SESSION=$("$PYTHON" -IS -c 'import json, sys; print(json.load(sys.stdin)["session"])' <<< "$drop")
  if [[ $(google_rest drop_session compare "$DATABASE" <<< "$drop") == same ]]; then
    say '=' ''
  else
    begin + google_rest_with "$drop" drop_session write "$DATABASE"
  fi
else
  say + ''
fi
barrier
