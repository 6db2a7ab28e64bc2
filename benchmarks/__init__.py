"""Benchmarks; each measures a baseline in the same run and reports a ratio."""

import sys
from pathlib import Path

# The costs and the simulation use the code that puts tracks into groups, and its limits.
sys.path.append(str(Path(__file__).resolve().parents[1] / "functions" / "result_notifier"))
