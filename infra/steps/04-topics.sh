#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154  # sourced by deploy.sh: steps share its variables
# Topics, and for each source of deliveries a dead-letter topic with a subscription that keeps its messages.
topic() { # NAME
  resource topics "$(topic_of "$1")" "topic"
  want labels/app "$APP"
  want messageRetentionDuration 604800s
  create gcloud pubsub topics create "$NAME" --labels="app=$APP" --message-retention-duration=7d
  change gcloud pubsub topics update "$NAME" --update-labels="app=$APP" --message-retention-duration=7d
  settle
}
for name in pictures captions pipeline-events; do topic "$name"; done
for name in uploads pictures captions pipeline-events; do topic "$name-dead-letters"; done
barrier

for name in uploads pictures captions pipeline-events; do
  resource subscriptions "$(topic_of "$name-dead-letters")" "subscription"
  want topic "projects/$PROJECT/topics/$NAME"
  want messageRetentionDuration 2678400s
  want expirationPolicy ''
  create gcloud pubsub subscriptions create "$NAME" --topic="$NAME" --labels="app=$APP" \
    --message-retention-duration=31d --expiration-period=never --ack-deadline=60
  change gcloud pubsub subscriptions update "$NAME" --message-retention-duration=31d --expiration-period=never
  settle
done
barrier
