#!/usr/bin/env bash
# Runs a Python module with the variables of the local cloud on this machine: `operate_local.sh PYTHON -m MODULE …`.
set -euo pipefail
eval "$("$1" -m localcloud.addresses)"
# Log files outlive the local cloud; all other commands need it running.
if [[ $3 != operations.logs ]]; then
  LOCALCLOUD_PID=$("$1" -m localcloud.addresses --pid)
  export LOCALCLOUD_PID
fi
exec "$@"
