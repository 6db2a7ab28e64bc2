#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154  # sourced by deploy.sh: steps share its variables
# One account for each function, and apart from them the signer, the pipeline, the model, those who deliver and who builds.
# None has a key.
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

# `gcloud … list` does not show a role's permissions, so its description repeats them.
# A deleted role keeps its id for weeks: it is brought back.
revive() { # ID PERMISSIONS TITLE
  gcloud iam roles undelete "$1" --project="$PROJECT" --format=none
  gcloud iam roles update "$1" --project="$PROJECT" --permissions="$2" --description="$2" --title="$3" --format=none
}
while read -r role; do
  permissions=$(policies --custom "$role")
  resource custom_roles "$ROLE.$role" "custom role"
  want description "$permissions"
  want deleted ''
  create gcloud iam roles create "$ROLE.$role" --project="$PROJECT" \
    --title="$APP $role" --description="$permissions" --permissions="$permissions" --stage=GA
  if [[ -n $(fact custom_roles "$ROLE.$role" deleted) ]]; then
    change revive "$ROLE.$role" "$permissions" "$APP $role"
  else
    change gcloud iam roles update "$ROLE.$role" --project="$PROJECT" \
      --permissions="$permissions" --description="$permissions"
  fi
  settle
done < <(policies --custom)
barrier
