#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2153,SC2154  # sourced by deploy.sh: steps share its variables
# The grants of roles.md on everything that exists before the functions.
while read -r kind name; do
  case $kind in
    function | subscription) ;;
    # The sink's writer is known only when the sink exists.
    topic) [[ $name == pipeline-events && -z $SINK_WRITER ]] || grants "$kind" "$name" ;;
    *) grants "$kind" "$name" ;;
  esac
done < <(policies --resources)
barrier
