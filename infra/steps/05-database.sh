#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154  # sourced by deploy.sh: steps share its variables
# The installation's database beside the project's `(default)`, with TTL policies, index exemptions and security rules.
# Only `make status` needs a composite index, for today's tracks of all sessions; all other queries use one field.
resource databases "$DATABASE" "database"
want locationId "$REGION"
want type FIRESTORE_NATIVE
create gcloud firestore databases create --database="$DATABASE" --location="$REGION" --type=firestore-native \
  --delete-protection
settle
barrier

if exists databases "$DATABASE"; then
  read_all "ttls"$'\t'"firestore fields ttls list --database=$DATABASE" \
    "fields"$'\t'"firestore indexes fields list --database=$DATABASE" \
    "composites"$'\t'"firestore indexes composite list --database=$DATABASE"
else
  echo '[]' > "$STATE/ttls.json"
  echo '[]' > "$STATE/fields.json"
  echo '[]' > "$STATE/composites.json"
fi

field() { printf 'projects/%s/databases/%s/collectionGroups/%s/fields/%s' "$PROJECT" "$DATABASE" "$1" "$2"; }

# Firestore refuses to change a field while it starts another change of the same field or collection, so the changes
# start one after another and are retried. The step does not wait for them to finish, which takes minutes each.
UNDER_WAY='underlying data changed|contention|ABORTED|being updated'
JOBS_BEFORE=$JOBS JOBS=1
while read -r group path; do
  [[ -z $group || $group == \#* ]] && continue
  resource ttls "$(field "$group" "$path")" "TTL policy"
  create patiently "$UNDER_WAY" gcloud firestore fields ttls update "$path" --collection-group="$group" \
    --database="$DATABASE" --enable-ttl --async
  settle
done < "$INFRA/database/ttls.txt"

while read -r group path flags; do
  [[ -z $group || $group == \#* ]] && continue
  read -ra flags <<< "$flags"
  resource fields "$(field "$group" "$path")" "index exemption"
  create patiently "$UNDER_WAY" gcloud firestore indexes fields update "$path" --collection-group="$group" \
    --database="$DATABASE" "${flags[@]}" --async
  settle
done < "$INFRA/database/exemptions.txt"

# Google names an index, so this finds it by its fields.
resource composites tracks-by-day "index"
if grep -q '"createdAt"' "$STATE/composites.json" && grep -q '"status"' "$STATE/composites.json"; then
  say '=' ''
else
  begin + patiently "$UNDER_WAY" gcloud firestore indexes composite create --database="$DATABASE" \
    --collection-group=tracks --query-scope=collection-group --field-config=field-path=createdAt,order=ascending \
    --field-config=field-path=status,order=ascending --async
fi
JOBS=$JOBS_BEFORE
barrier

resource rules "$DATABASE" "security rules"
state=create
if exists databases "$DATABASE"; then
  state=$(google_rest firestore_rules compare "$DATABASE" "$INFRA/firestore.rules")
fi
case $state in
  same) say '=' '' ;;
  *) begin "$([[ $state == create ]] && echo + || echo '~')" \
    google_rest firestore_rules publish "$DATABASE" "$INFRA/firestore.rules" ;;
esac
barrier
