"""The environment that `pipeline/Dockerfile` sets for its step, for runs without an image."""

from typing import Final

ENVIRON: Final = {
    "PYTHONUTF8": "1",
    "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA": "true",
    "MALLOC_MMAP_THRESHOLD_": "268435456",
    "MALLOC_TRIM_THRESHOLD_": "268435456",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
