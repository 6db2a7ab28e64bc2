"""Lists what Monitoring holds of an installation, one `kind<TAB>name<TAB>title` a line: ``ours.py APP STATE``.

Monitoring gives its resources names of its own, so they are known by their titles.
"""

import json
import re
import sys
from pathlib import Path


def main(app: str, state: str) -> None:
    """Print the lines."""
    for kind in ("policies", "dashboards", "channels"):
        for resource in json.loads((Path(state) / f"{kind}.json").read_text(encoding="utf-8")):
            title = resource.get("displayName", "")
            if re.fullmatch(rf"{app}(: .*| operators)?", title):
                print(kind, resource["name"], title, sep="\t")


if __name__ == "__main__":
    main(*sys.argv[1:])
