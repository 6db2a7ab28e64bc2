"""List an installation's resources in Cloud Monitoring as lines `kind<TAB>name<TAB>title`: ``installed.py APP STATE``.

Cloud Monitoring chooses the resources' names, so this finds them by title.
"""

import json
import re
import sys
from pathlib import Path


def main(app: str, state: str) -> None:
    """Print one line per resource."""
    for kind in ("policies", "dashboards", "channels"):
        for resource in json.loads((Path(state) / f"{kind}.json").read_text(encoding="utf-8")):
            title = resource.get("displayName", "")
            if re.fullmatch(rf"{app}(: .*| operators)?", title):
                print(kind, resource["name"], title, sep="\t")


if __name__ == "__main__":
    main(*sys.argv[1:])
