"""The grants of `roles.md` match the calls to Google in the functions' code.

These tests find the calls of each function, and check that each call is granted on its resource, that a custom role has
no permission that no call needs, and that no narrower predefined role would do.
They do not check which permissions Google requires for a call (its reference says that), nor the accounts that run none
of the functions' code: the pipeline, the builder and the accounts of deliveries.
"""

import ast
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.policies import ACCOUNTS, TABLE, custom_roles, grants
from localcloud.addresses import REPOSITORY
from localcloud.parts import FUNCTIONS

TABLES: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("permissions.yaml").read_text(encoding="utf-8"))
ROLES: dict[str, set[str]] = {name: set(found) for name, found in TABLES["roles"].items()}
PORTS = {"book", "objects", "results", "captions", "pictures", "pipelines", "jobs", "signer", "spans", "tracks"}
# Everyone may read the results and the page, so no account needs a grant for that.
PUBLIC = {("bucket results", "storage.objects.get"), ("bucket page", "storage.objects.get")}


def calls_of(function: str) -> set[str]:
    """Return a function's calls of its ports as `port.verb`; all database calls except deletion count as `tracks`."""
    found = set()
    for path in sorted((REPOSITORY / "functions" / function).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            owner = node.func.value
            port = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
            port = port.lstrip("_")
            if port in PORTS:
                found.add(f"{port}.{node.func.attr}")
            if node.func.attr == "generate_signed_url":
                found.add("signer.sign")
    database = {call for call in found if call.startswith("tracks.")}
    return (found - database) | {"tracks"} | (database & {"tracks.erase"})


def needed(function: str) -> dict[str, set[str]]:
    """Return the permissions that a function needs, by resource."""
    found: dict[str, set[str]] = {}
    for call, resources in TABLES["needs"][function].items():
        for resource in resources:
            for permission in TABLES["calls"][call]:
                acts_as = permission == "iam.serviceAccounts.actAs"
                if acts_as == (resource == "account pipeline"):
                    found.setdefault(resource, set()).add(permission)
    for resource, permissions in TABLES["beside"].get(function, {}).items():
        found.setdefault(resource, set()).update(permissions)
    return found


def granted(role: str) -> set[str]:
    """Return the permissions of a role."""
    return ROLES[role] if role.startswith("roles/") else set(custom_roles()[role])


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_the_table_knows_every_call_in_the_code(function: str) -> None:
    """Adding or removing a call requires a change of the table of needed permissions."""
    assert calls_of(function) == set(TABLES["needs"][function])


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_a_function_is_granted_what_it_needs_and_nothing_else(function: str) -> None:
    """On each resource the roles have every needed permission, and a custom role has no other."""
    needs = needed(function)
    given: dict[str, set[str]] = {}
    for grant in grants():
        if grant.principal == function:
            given.setdefault(grant.resource, set()).update(granted(grant.role))
            if not grant.role.startswith("roles/"):
                assert granted(grant.role) <= needs[grant.resource], grant
    for resource, permissions in needs.items():
        public = {permission for place, permission in PUBLIC if place == resource}
        assert permissions - public <= given.get(resource, set()), resource
    assert set(given) <= set(needs)


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_no_narrower_predefined_role_would_do(function: str) -> None:
    """For each grant of a predefined role, every narrower role in the table lacks a needed permission."""
    needs = needed(function)
    for grant in grants():
        if grant.principal != function or not grant.role.startswith("roles/"):
            continue
        used = needs[grant.resource] & ROLES[grant.role]
        assert used, grant
        narrower = [role for role, permissions in ROLES.items() if permissions < ROLES[grant.role]]
        assert not [role for role in narrower if used <= ROLES[role]], grant


def test_every_grant_has_a_resource_and_a_reason() -> None:
    """Every reason has words, and every account has a grant."""
    for grant in grants():
        assert grant.resource, grant
        assert len(grant.reason.split()) >= 2, grant
    assert set(ACCOUNTS) <= {grant.principal for grant in grants()}


def test_every_custom_role_is_granted_and_narrower_than_the_role_it_replaces() -> None:
    """The table names the predefined role that a custom role replaces."""
    used = {grant.role for grant in grants()}
    assert set(custom_roles()) <= used
    for role, permissions in custom_roles().items():
        line = next(line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {role} |"))
        instead = line.split("|")[3].split(",")[0].strip()
        assert set(permissions) < ROLES[instead], role
