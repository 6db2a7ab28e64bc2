#!/usr/bin/env bash
# Lets one GitHub repository deploy this installation without a key file, by Workload Identity Federation:
# GITHUB=owner/name [BRANCH=main] make deploy-keyless PROJECT=… ROLES lists the deployer's roles with their reasons.
set -euo pipefail
# shellcheck source=infra/ensure.sh
source "$(dirname "${BASH_SOURCE[0]}")/ensure.sh"
: "${GITHUB:?Set the repository: GITHUB=owner/name}"
[[ $GITHUB =~ ^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$ ]] || fail "GITHUB must have the form owner/name, not '$GITHUB'."
BRANCH=${BRANCH:-main}
DEPLOYER=$(account_of deployer)

# Role and reason. The steps of deploy.sh need these roles; none of them is owner or editor.
ROLES=(
  "roles/serviceusage.serviceUsageAdmin:enables the APIs"
  "roles/iam.serviceAccountAdmin:makes the accounts and their policies"
  "roles/iam.roleAdmin:makes the custom roles"
  "roles/resourcemanager.projectIamAdmin:grants what roles.md grants on the project"
  "roles/storage.admin:makes the buckets, uploads template and page"
  "roles/pubsub.admin:makes topics, subscriptions and their policies"
  "roles/datastore.owner:makes the database, its TTL policies and the drop session"
  "roles/firebaserules.admin:publishes the rules"
  "roles/secretmanager.admin:makes the secrets and reads the drop session's"
  "roles/artifactregistry.admin:makes the repository and its policy"
  "roles/cloudbuild.builds.editor:builds the images"
  "roles/logging.logWriter:writes the log of a release that Cloud Build runs"
  "roles/cloudfunctions.admin:deploys the functions"
  "roles/run.admin:says who may call them"
  "roles/eventarc.admin:makes the trigger"
  "roles/cloudscheduler.admin:makes the tick"
  "roles/logging.configWriter:makes the sink and the metrics"
  "roles/monitoring.editor:makes alerts and dashboard"
  "roles/serviceusage.apiKeysAdmin:makes the browser's key"
  "roles/aiplatform.user:runs the canary"
)

read_state project apis
read_state accounts
NUMBER=$(fact project "$PROJECT" projectNumber projectId)
[[ -n $NUMBER ]] || fail "This account can see no project $PROJECT."
for api in iamcredentials sts iam cloudresourcemanager; do
  exists apis "$api.googleapis.com" || gcloud services enable "$api.googleapis.com"
done
pool=projects/$NUMBER/locations/global/workloadIdentityPools/$POOL
# A deleted pool's name stays reserved for a month, so the script restores the pool with its provider.
gcloud iam workload-identity-pools list --location=global --show-deleted --format=json > "$STATE/pools.json"
if ! exists pools "$POOL"; then
  gcloud iam workload-identity-pools create "$POOL" --location=global --display-name="$APP" --format=none
elif [[ $(fact pools "$POOL" state) == DELETED ]]; then
  gcloud iam workload-identity-pools undelete "$POOL" --location=global --format=none
fi
gcloud iam workload-identity-pools providers list --location=global --workload-identity-pool="$POOL" --format=json \
  > "$STATE/providers.json"
condition="assertion.repository == '$GITHUB' && assertion.ref == 'refs/heads/$BRANCH'"
provider=(github --location=global --workload-identity-pool="$POOL"
  --issuer-uri=https://token.actions.githubusercontent.com
  --attribute-mapping='google.subject=assertion.sub,attribute.repository=assertion.repository'
  --attribute-condition="$condition")
if ! exists providers github; then
  gcloud iam workload-identity-pools providers create-oidc "${provider[@]}" --format=none
elif [[ $(fact providers github attributeCondition) != "$condition" ]]; then
  gcloud iam workload-identity-pools providers update-oidc "${provider[@]}" --format=none
fi
exists accounts "$DEPLOYER" email \
  || gcloud iam service-accounts create "$ACCOUNT-deployer" --display-name="$APP: deploys from GitHub" --format=none
patiently "$UNSEEN" gcloud iam service-accounts add-iam-policy-binding "$DEPLOYER" --role=roles/iam.workloadIdentityUser \
  --member="principalSet://iam.googleapis.com/$pool/attribute.repository/$GITHUB" --format=none
for entry in "${ROLES[@]}"; do
  patiently "$UNSEEN" gcloud projects add-iam-policy-binding "$PROJECT" --member="serviceAccount:$DEPLOYER" --role="${entry%%:*}" \
    --condition=None --format=none
done
# The deployer deploys functions and triggers that run as these accounts; it can act as no other account.
for name in upload_handler captioner pipeline_launcher result_notifier pipeline eventarc_trigger push builder; do
  if exists accounts "$(account_of "$name")" email; then
    patiently "$UNSEEN" gcloud iam service-accounts add-iam-policy-binding "$(account_of "$name")" --role=roles/iam.serviceAccountUser \
      --member="serviceAccount:$DEPLOYER" --format=none
  fi
done
cat << END

Set these variables in the repository's settings (they are not secret):
  WORKLOAD_IDENTITY_PROVIDER  $pool/providers/github
  DEPLOYER                    $DEPLOYER
END
