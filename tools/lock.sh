#!/usr/bin/env bash
# Resolve all dependency groups of pyproject.toml to one set of versions: `lock.sh UV FUNCTION…`.
# The lock files have versions and hashes but no registry, so a mirror works too; pip reads them directly.
set -euo pipefail

uv=$1
shift
compile() {
  "$uv" pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 pyproject.toml "$@"
}

compile --group dev -o requirements.txt
compile -c requirements.txt --group localcloud -o localcloud/requirements.txt
for name in "$@"; do
  compile -c requirements.txt --group "${name//_/-}" -o "functions/$name/requirements.txt"
done
compile -c requirements.txt --group pipeline -o pipeline/requirements.txt
# PyTorch is in pipeline/model_server/torch.txt, because its CPU and CUDA builds have one version but different hashes.
# infra/torch_lock.py writes the lock for the model server's image.
compile -c requirements.txt --group model-server -o pipeline/model_server/requirements.txt
for name in java node uv; do
  compile --group "$name" -o "tools/$name.txt"
done
