"""Compares one resource as `gcloud … list --format=json` shows it with what is wanted of it.

``compare FILE NAME [PATH=VALUE …]`` prints ``create`` where FILE lists no resource called NAME, ``same`` where it has
every VALUE at its PATH, and otherwise ``change`` and a line for each difference. ``compare FILE NAME --get PATH``
prints one value. A resource is called by the last part of its ``name``, or by ``--key FIELD``. PATH is parted by ``/``;
VALUE is a text, or JSON where it starts with ``[`` or ``{``; an empty VALUE means that nothing is there.
"""

import json
import sys
from pathlib import Path
from typing import Any


def found(resources: list[dict[str, Any]], name: str, key: str) -> dict[str, Any] | None:
    """Return the resource of that name."""
    for resource in resources:
        called = str(resource.get(key, ""))
        if name in {called, called.rpartition("/")[2]}:
            return resource
    return None


def value_at(resource: Any, path: str) -> Any:
    """Return what is at a path, or None."""
    for part in path.split("/"):
        if isinstance(resource, list) and part.isdecimal() and int(part) < len(resource):
            resource = resource[int(part)]
        elif isinstance(resource, dict):
            resource = resource.get(part)
        else:
            return None
    return resource


def spelled(value: Any) -> str:
    """Return a value as the scripts spell it."""
    if value is None or value in ([], {}):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    return str(value)


def wanted(value: str) -> str:
    """Return a wanted value in the same spelling."""
    return spelled(json.loads(value)) if value[:1] in {"[", "{"} else value


def main(arguments: list[str]) -> int:
    """Compare as the arguments say."""
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
        now = spelled(value_at(resource, where))
        if now != wanted(value):
            differences.append(f"{where}: {now or '(nothing)'} -> {wanted(value) or '(nothing)'}")
    print("\n".join(["change", *differences]) if differences else "same")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
