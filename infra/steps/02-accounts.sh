#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154  # sourced by deploy.sh: steps share its variables
# One account per function, and accounts for the signer, the pipeline, the model server, deliveries and builds.
# No account has a key.
account() { # NAME PURPOSE
  resource accounts "$(account_of "$1")" "account" email
  want displayName "$APP: $2"
  create gcloud iam service-accounts create "$ACCOUNT-${1//_/-}" --display-name="$APP: $2"
  change gcloud iam service-accounts update "$(account_of "$1")" --display-name="$APP: $2"
  settle
}
account upload_handler "takes commands"
account captioner "describes pictures"
account pipeline_launcher "launches pipelines"
account result_notifier "settles tracks"
account upload_signer "signs uploads, nobody runs as it"
account pipeline "the pipeline's step"
account model "the model server"
account eventarc_trigger "delivers storage events"
account push "delivers messages"
account builder "builds images"

# Google creates its service agents on request or at first use. This step requests them, because grants come earlier.
# An agent created on request has no role; roles.md grants one. An agent that the project's policy names already exists.
agent() { # DOMAIN COMMAND…
  resource agents "service-$NUMBER@$1.iam.gserviceaccount.com" "service agent"
  shift
  if grep -qF "$NAME" "$STATE/policy-project-.json"; then say '=' ''; else begin + "$@"; fi
}
agent gs-project-accounts gcloud storage service-agent --project="$PROJECT"
for service in pubsub eventarc aiplatform; do
  agent "gcp-sa-$service" gcloud beta services identity create --service="$service.googleapis.com" --project="$PROJECT"
done

# `gcloud … list` does not show a role's permissions, so the role's description repeats them.
# A role deleted less than a week ago is restored.
revive() { # ID PERMISSIONS TITLE
  gcloud iam roles undelete "$1" --project="$PROJECT" --format=none
  gcloud iam roles update "$1" --project="$PROJECT" --permissions="$2" --description="$2" --title="$3" --format=none
}
new_role() { # ID PERMISSIONS TITLE
  gcloud iam roles create "$1" --project="$PROJECT" --title="$3" --description="$2" --permissions="$2" --stage=GA && return
  echo "If the role was deleted more than a week ago, its id is reserved for a month: deploy with another PREFIX." >&2
  return 1
}
while read -r role; do
  permissions=$(policies --custom "$role")
  resource custom_roles "$ROLE.$role" "custom role"
  want description "$permissions"
  want deleted ''
  create new_role "$ROLE.$role" "$permissions" "$APP $role"
  if [[ -n $(fact custom_roles "$ROLE.$role" deleted) ]]; then
    change revive "$ROLE.$role" "$permissions" "$APP $role"
  else
    change gcloud iam roles update "$ROLE.$role" --project="$PROJECT" \
      --permissions="$permissions" --description="$permissions"
  fi
  settle
done < <(policies --custom)
barrier
