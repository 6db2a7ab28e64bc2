r"""Print the lock of PyTorch and what only it needs, from the ``pylock.toml`` that pip writes.

PyTorch's builds for CUDA and for a CPU share a version but not a hash. This locks those that PyPI has for the image of
the model server: Linux on x86-64 with Python 3.11. Run it there, after a change of torch.txt or of requirements.txt:

    cd pipeline/model_server
    sed -n 's/^\([a-z0-9.-]*==[^ ]*\).*/\1/p' requirements.txt > /tmp/constraints.txt
    pip lock --only-binary=:all: -r torch.txt -c /tmp/constraints.txt -o /tmp/pylock.toml
    python -m infra.torch_lock /tmp/pylock.toml > torch.lock.txt
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

_FOLDER: Final = Path(__file__).resolve().parents[1] / "pipeline" / "model_server"


def locked_names(text: str) -> set[str]:
    """Return the names of the packages of a lock file."""
    return {name.lower().replace("_", "-") for name in re.findall(r"(?m)^([A-Za-z0-9._-]+)==", text)}


def lines(pylock: dict[str, Any], elsewhere: set[str]) -> Iterator[str]:
    """Yield the lines of the packages that another lock file does not have."""
    for package in pylock["packages"]:
        if package["name"] in elsewhere:
            continue
        hashes = sorted(wheel["hashes"]["sha256"] for wheel in package["wheels"])
        yield " \\\n".join(
            [f"{package['name']}=={package['version']}", *(f"    --hash=sha256:{one}" for one in hashes)]
        )


def main() -> None:
    """Print the lock."""
    pylock = tomllib.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    elsewhere = locked_names((_FOLDER / "requirements.txt").read_text(encoding="utf-8"))
    sys.stdout.writelines(f"{line}\n" for line in lines(pylock, elsewhere))


if __name__ == "__main__":
    main()
