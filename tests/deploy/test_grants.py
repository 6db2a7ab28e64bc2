"""The grants of `roles.md` against the calls in the functions' code.

Proved here: which calls to Google each function's code holds, that every one of them is granted where the table says
that it is made, that a custom role grants nothing that no call needs, and that no predefined role of the table would do
with less. Not proved: that Google asks for just these permissions (its reference says so), and the accounts that run no
code of the functions (the pipeline, the builder, those who deliver), whose reasons stand in `roles.md`.
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
PORTS = {"objects", "results", "captions", "pictures", "pipelines", "jobs", "signer", "spans", "tracks"}
# Everybody may read results and page, so nobody needs a grant of his own for it.
PUBLIC = {("bucket results", "storage.objects.get"), ("bucket page", "storage.objects.get")}


def calls_of(function: str) -> set[str]:
    """Return the calls of a function's ports, as `port.verb`; all of the database's but deletion count as `tracks`."""
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
    """No more and no less: who adds a call has to say what it needs, and who removes one, that it is not needed."""
    assert calls_of(function) == set(TABLES["needs"][function])


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_a_function_is_granted_what_it_needs_and_nothing_else(function: str) -> None:
    """On each resource the roles together hold every permission needed, and a custom role none that is not."""
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
def test_no_role_is_wider_than_a_predefined_one_that_would_do(function: str) -> None:
    """For each grant of a predefined role, every narrower one in the table lacks something that is needed of it."""
    needs = needed(function)
    for grant in grants():
        if grant.principal != function or not grant.role.startswith("roles/"):
            continue
        used = needs[grant.resource] & ROLES[grant.role]
        assert used, grant
        narrower = [role for role, permissions in ROLES.items() if permissions < ROLES[grant.role]]
        assert not [role for role in narrower if used <= ROLES[role]], grant


def test_every_grant_has_a_resource_and_a_reason() -> None:
    """In words, in the table that the scripts read; and every account has at least one grant."""
    for grant in grants():
        assert grant.resource, grant
        assert len(grant.reason.split()) >= 2, grant
    assert set(ACCOUNTS) <= {grant.principal for grant in grants()}


def test_every_custom_role_is_granted_and_says_what_it_stands_for() -> None:
    """And is narrower than the predefined role that it is there instead of."""
    used = {grant.role for grant in grants()}
    assert set(custom_roles()) <= used
    for role, permissions in custom_roles().items():
        line = next(line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {role} |"))
        instead = line.split("|")[3].split(",")[0].strip()
        assert set(permissions) < ROLES[instead], role
