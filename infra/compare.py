"""Compare one resource in the output of `gcloud … list --format=json` with its required values.

``compare FILE NAME [PATH=VALUE …]`` prints ``create`` if FILE has no resource with that name,
``same`` if the resource has every VALUE at its PATH, and otherwise ``change`` and one line per difference.
``compare FILE NAME --get PATH`` prints one value.
A resource's name is the last part of its field ``name``, or of the field ``--key FIELD``.
PATH is separated by ``/``. VALUE is text, or JSON if it starts with ``[`` or ``{``; empty means that no value is set.
"""

import json
import sys
from pathlib import Path
from typing import Any


def found(resources: list[dict[str, Any]], name: str, key: str) -> dict[str, Any] | None:
    """Return the resource with that name, or None."""
    for resource in resources:
        full_name = str(resource.get(key, ""))
        if name in {full_name, full_name.rpartition("/")[2]}:
            return resource
    return None


def value_at(resource: Any, path: str) -> Any:
    """Return the value at a path, or None."""
    for part in path.split("/"):
        if isinstance(resource, list) and part.isdecimal() and int(part) < len(resource):
            resource = resource[int(part)]
        elif isinstance(resource, dict):
            resource = resource.get(part)
        else:
            return None
    return resource


def spelled(value: Any) -> str:
    """Return a value in the scripts' notation."""
    if value is None or value in ([], {}):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    return str(value)


def wanted(value: str) -> str:
    """Return a required value in the same notation."""
    return spelled(json.loads(value)) if value[:1] in {"[", "{"} else value


def main(arguments: list[str]) -> int:
    """Print the comparison."""
    key = "name"
    if arguments[0] == "--key":
        key, arguments = arguments[1], arguments[2:]
    file, name, *wants = arguments
    path = Path(file)
    resources = json.loads(path.read_text(encoding="utf-8") or "[]") if path.is_file() else []
    resource = found(resources, name, key)
    if wants[:1] == ["--get"]:
        print(spelled(value_at(resource, wants[1])) if resource else "")
        return 0
    if resource is None:
        print("create")
        return 0
    differences = []
    for want in wants:
        where, _, value = want.partition("=")
        present = spelled(value_at(resource, where))
        if present != wanted(value):
            differences.append(f"{where}: {present or '(nothing)'} -> {wanted(value) or '(nothing)'}")
    print("\n".join(["change", *differences]) if differences else "same")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
