#!/usr/bin/env bash
# Runs a command with the variables of the installation in PROJECT, authorized as gcloud's account:
# `operate.sh PYTHON -m MODULE …`.
set -euo pipefail
exports=$("$1" -S -m infra.names)
eval "$exports"
GOOGLE_OAUTH_ACCESS_TOKEN=$(gcloud auth print-access-token)
export GOOGLE_OAUTH_ACCESS_TOKEN
exec "$@"
