#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154  # sourced by deploy.sh: steps share its variables
# What roles.md grants on everything that is there before the functions are.
while read -r kind name; do
  case $kind in
    function | subscription) ;;
    # The sink's writer is known once the sink is there.
    topic) [[ $name == pipeline-events && -z $SINK_WRITER ]] || grants "$kind" "$name" ;;
    *) grants "$kind" "$name" ;;
  esac
done < <(policies --resources)
barrier
