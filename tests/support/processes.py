"""Whether other processes run."""

import subprocess


def is_alive(process: int) -> bool:
    """Say whether a process runs; one that only waits for its parent to notice its end does not."""
    said = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False)
    state = said.stdout.strip()
    return bool(state) and not state.startswith("Z")
