#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154  # sourced by deploy.sh: steps share its variables
# Deliveries: push subscriptions with an identity, a deadline longer than the function's time-out, back-off and dead
# letters; and the trigger of the images bucket, whose subscription Eventarc creates and this step updates.
BACKOFF=(--min-retry-delay=10s --max-retry-delay=600s)

dead_letter_wants() { # TOPIC ATTEMPTS
  want deadLetterPolicy/deadLetterTopic "projects/$PROJECT/topics/$(topic_of "$1")"
  want deadLetterPolicy/maxDeliveryAttempts "$2"
  want retryPolicy/minimumBackoff 10s
  want retryPolicy/maximumBackoff 600s
}

delivery() { # TOPIC FUNCTION DEADLINE ATTEMPTS
  local url flags
  url=$(url_of "$2")
  resource subscriptions "$(topic_of "$1")-${2//_/-}" "subscription"
  want topic "projects/$PROJECT/topics/$(topic_of "$1")"
  want ackDeadlineSeconds "$3"
  want messageRetentionDuration 604800s
  want expirationPolicy ''
  want pushConfig/pushEndpoint "$url"
  want pushConfig/oidcToken/serviceAccountEmail "$(account_of push)"
  dead_letter_wants "$1-dead-letters" "$4"
  flags=(--ack-deadline="$3" --message-retention-duration=7d --expiration-period=never "${BACKOFF[@]}"
    --dead-letter-topic="$(topic_of "$1-dead-letters")" --max-delivery-attempts="$4"
    --push-endpoint="$url" --push-auth-service-account="$(account_of push)")
  create gcloud pubsub subscriptions create "$NAME" --topic="$(topic_of "$1")" --labels="app=$APP" "${flags[@]}"
  change gcloud pubsub subscriptions update "$NAME" "${flags[@]}"
  settle
}
delivery pictures captioner 240 20
delivery captions pipeline_launcher 180 50
delivery pipeline-events result_notifier 360 20

resource triggers "$UPLOADS_TRIGGER" "trigger"
want destination/cloudRun/service "$(function_named captioner)"
want serviceAccount "$(account_of eventarc_trigger)"
# A new trigger fails until Eventarc sees the grants on the project.
create patiently 'Permission denied while using the Eventarc Service Agent' \
  gcloud eventarc triggers create "$UPLOADS_TRIGGER" --location="$REGION" --labels="app=$APP" \
  --destination-run-service="$(function_named captioner)" --destination-run-region="$REGION" \
  --event-filters=type=google.cloud.storage.object.v1.finalized --event-filters="bucket=$IMAGES_BUCKET" \
  --service-account="$(account_of eventarc_trigger)"
change gcloud eventarc triggers update "$UPLOADS_TRIGGER" --location="$REGION" \
  --destination-run-service="$(function_named captioner)" --service-account="$(account_of eventarc_trigger)"
settle
barrier
! changed triggers || read_state triggers subscriptions

uploads=$(subscription_named uploads)
resource subscriptions "${uploads:-(the trigger\'s)}" "subscription"
want ackDeadlineSeconds 240
want messageRetentionDuration 604800s
want expirationPolicy ''
dead_letter_wants uploads-dead-letters 20
update=(gcloud pubsub subscriptions update "$uploads" --ack-deadline=240 --message-retention-duration=7d
  --expiration-period=never "${BACKOFF[@]}"
  --dead-letter-topic="$(topic_of uploads-dead-letters)" --max-delivery-attempts=20)
create "${update[@]}"
change "${update[@]}"
settle

resource sinks "$JOB_EVENTS_SINK" "log sink"
JOB_EVENTS="resource.type=\"aiplatform.googleapis.com/PipelineJob\" AND \
logName=\"projects/$PROJECT/logs/aiplatform.googleapis.com%2Fpipeline_job_events\" AND \
jsonPayload.pipelineName=\"musicgenerator\" AND resource.labels.pipeline_job_id=~\"^mg-\" AND \
(jsonPayload.state=\"PIPELINE_STATE_SUCCEEDED\" OR jsonPayload.state=\"PIPELINE_STATE_FAILED\" OR \
jsonPayload.state=\"PIPELINE_STATE_CANCELLED\")"
want filter "$JOB_EVENTS"
want destination "pubsub.googleapis.com/projects/$PROJECT/topics/$PIPELINE_EVENTS_TOPIC"
create gcloud logging sinks create "$NAME" "pubsub.googleapis.com/projects/$PROJECT/topics/$PIPELINE_EVENTS_TOPIC" \
  --log-filter="$JOB_EVENTS"
change gcloud logging sinks update "$NAME" "pubsub.googleapis.com/projects/$PROJECT/topics/$PIPELINE_EVENTS_TOPIC" \
  --log-filter="$JOB_EVENTS"
settle

resource jobs "$TICK_JOB" "scheduler's tick"
want schedule '* * * * *'
want pubsubTarget/topicName "projects/$PROJECT/topics/$PIPELINE_EVENTS_TOPIC"
tick=(--location="$REGION" --schedule='* * * * *' --time-zone=Etc/UTC --topic="$PIPELINE_EVENTS_TOPIC"
  --message-body='{"tick": true}')
create gcloud scheduler jobs create pubsub "$TICK_JOB" "${tick[@]}"
change gcloud scheduler jobs update pubsub "$TICK_JOB" "${tick[@]}"
settle
barrier
if changed sinks; then
  read_state sinks
  SINK_WRITER=$(fact sinks "$JOB_EVENTS_SINK" writerIdentity)
fi

while read -r kind name; do
  case $kind in
    function | subscription) grants "$kind" "$name" ;;
    topic) [[ $name != pipeline-events ]] || grants "$kind" "$name" ;;
  esac
done < <(policies --resources)
barrier
