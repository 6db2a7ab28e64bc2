"""What `pipeline/Dockerfile` sets for its step, for where no image is built."""

from typing import Final

ENVIRON: Final = {
    "PYTHONUTF8": "1",
    "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA": "true",
    "MALLOC_MMAP_THRESHOLD_": "268435456",
    "MALLOC_TRIM_THRESHOLD_": "268435456",
}
