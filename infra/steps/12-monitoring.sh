#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154  # sourced by deploy.sh: steps share its variables
# Log-based metrics, alert policies and a dashboard, from infra/monitoring; sed fills in APP, PROJECT and REGION.
mkdir -p "$WORK/monitoring"
filled() { # FILE
  local out=$WORK/monitoring/${1##*/}
  sed "s|APP|$APP|g; s|PROJECT|$PROJECT|g; s|REGION|$REGION|g; s|CHANNELS|$CHANNELS|g" "$1" > "$out"
  printf '%s' "$out"
}

CHANNELS=
if [[ -n ${ALERT_EMAIL:-} ]]; then
  resource channels "$APP operators" "notification channel" displayName
  want labels/email_address "$ALERT_EMAIL"
  create gcloud beta monitoring channels create --display-name="$NAME" --type=email \
    --channel-labels="email_address=$ALERT_EMAIL"
  change gcloud beta monitoring channels update "$(fact channels "$NAME" name displayName)" \
    --update-channel-labels="email_address=$ALERT_EMAIL"
  settle
  barrier
  ! changed channels || read_state channels
  CHANNELS=\"$(fact channels "$APP operators" name displayName)\"
fi

for template in "$INFRA"/monitoring/metric-*.json; do
  file=$(filled "$template")
  short=$(basename "$template" .json)
  resource metrics "$APP-${short#metric-}" "log-based metric"
  want filter "$("$PYTHON" -IS -c 'import json, sys; print(json.load(open(sys.argv[1]))["filter"])' "$file")"
  create gcloud logging metrics create "$NAME" --config-from-file="$file"
  change gcloud logging metrics update "$NAME" --config-from-file="$file"
  settle
done
barrier

# Cloud Monitoring may need ten minutes to see a new log-based metric. A missing alert is a warning, not a failure.
alert() { # TITLE COMMAND…
  local title=$1 status=0
  shift
  patiently 'Cannot find metric' "$@" || status=$?
  if ((status == LATER)); then
    warn "the alert policy '$title' is missing: Cloud Monitoring does not see its metric yet." \
      "Run 'make deploy PROJECT=$PROJECT' again in ten minutes."
    return 0
  fi
  return "$status"
}
for template in "$INFRA"/monitoring/alert-*.json; do
  file=$(filled "$template")
  title=$("$PYTHON" -IS -c 'import json, sys; print(json.load(open(sys.argv[1]))["displayName"])' "$file")
  release=$("${SHA256[@]}" "$file" | cut -c1-40)
  resource policies "$title" "alert policy" displayName
  want userLabels/release "$release"
  create alert "$title" gcloud alpha monitoring policies create --policy-from-file="$file" \
    --user-labels="app=$APP,release=$release"
  change alert "$title" gcloud alpha monitoring policies update "$(fact policies "$title" name displayName)" \
    --policy-from-file="$file" --update-user-labels="app=$APP,release=$release"
  settle
done

file=$(filled "$INFRA/monitoring/dashboard.json")
release=$("${SHA256[@]}" "$file" | cut -c1-40)
sed -i.bak "s|\"RELEASE\"|\"$release\"|" "$file"
resource dashboards "$APP" "dashboard" displayName
want labels/release "$release"
create gcloud monitoring dashboards create --config-from-file="$file"
change change_dashboard "$file"
settle
barrier

change_dashboard() {
  local etag
  etag=$(fact dashboards "$APP" etag displayName)
  "$PYTHON" -IS -c 'import json, sys
board = json.load(open(sys.argv[1])) | {"etag": sys.argv[2]}
json.dump(board, open(sys.argv[1], "w"))' "$1" "$etag"
  gcloud monitoring dashboards update "$(fact dashboards "$APP" name displayName)" --config-from-file="$1"
}
