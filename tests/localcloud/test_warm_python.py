import os
import subprocess
import sys
from pathlib import Path

import pytest

# A separate process with one thread, because the interpreter forks.
PROGRAM = """
import subprocess, sys
from pathlib import Path
from localcloud.vertex.warm_python import WarmPython
cold = sys.executable
with WarmPython(Path(sys.argv[1])):
    ended = subprocess.run([sys.executable, *sys.argv[2:]], capture_output=True, text=True)
    again = subprocess.run([sys.executable, *sys.argv[2:]], capture_output=True, text=True)
assert sys.executable == cold
assert (ended.stdout, ended.returncode) == (again.stdout, again.returncode)
sys.stdout.write(ended.stdout + ended.stderr)
sys.exit(ended.returncode)
"""

STEP = """
import os, sys
print(sys.argv[1:], os.environ["SAID"])
if sys.argv[-1] == "raise":
    raise ValueError("no music")
if sys.argv[-1] == "kill":
    os.kill(os.getpid(), 9)
sys.exit(sys.argv[-1] if sys.argv[-1] == "words" else int(sys.argv[-1]))
"""


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    (folder / "a_step.py").write_text(STEP)
    environ = os.environ | {"SAID": "바다\n둘", "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}
    command = [sys.executable, "-c", PROGRAM, str(folder), *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(("last", "status"), [("0", 0), ("7", 7), ("words", 1), ("raise", 1), ("kill", 137)])
def test_a_step_runs_as_in_a_new_interpreter(tmp_path: Path, last: str, status: int) -> None:
    """Arguments, environment, output and status pass through, each time it is started."""
    ended = run(tmp_path, "-m", "a_step", "two words", "", last)
    assert ended.returncode == status
    if last != "kill":  # a process that is killed loses what it had not yet written
        assert f"{['two words', '', last]} 바다\n둘" in ended.stdout
    assert ("ValueError: no music" in ended.stdout) is (last == "raise")


def test_a_command_without_a_module_runs_in_a_new_interpreter(tmp_path: Path) -> None:
    """Other ways to start the interpreter still work."""
    assert run(tmp_path, "-c", "print(6 * 7)").stdout == "42\n"
