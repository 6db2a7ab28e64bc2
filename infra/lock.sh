#!/usr/bin/env bash
# Resolves every dependency group of pyproject.toml against one set of versions.
# The locks name versions and hashes and no registry, so that a mirror serves as well, and pip reads them as they are.
set -euo pipefail

uv=$1
shift
compile() {
  "$uv" pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 pyproject.toml "$@"
}

compile --group dev -o requirements.txt
for name in "$@"; do
  compile -c requirements.txt --group "${name//_/-}" -o "functions/$name/requirements.txt"
done
compile -c requirements.txt --group pipeline -o pipeline/requirements.txt
# Without PyTorch, whose CPU and CUDA builds share a version and not their hashes: pipeline/model_server/torch.txt.
compile -c requirements.txt --group model-server -o pipeline/model_server/requirements.txt
