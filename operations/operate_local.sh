#!/usr/bin/env bash
# Runs a command with the variables of the local cloud on this machine.
set -euo pipefail
eval "$("$1" -m localcloud.addresses)"
exec "$@"
