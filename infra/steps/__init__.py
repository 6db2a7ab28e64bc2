"""The steps of a deployment, in their order. Each yields the resources that it needs, and barriers between them."""

from collections.abc import Callable
from typing import Final

from infra.installation import Installation
from infra.resources import Step
from infra.steps.accounts import accounts
from infra.steps.apis import apis
from infra.steps.buckets import buckets
from infra.steps.database import database
from infra.steps.deliveries import deliveries
from infra.steps.functions import functions
from infra.steps.grants import grants
from infra.steps.monitoring import monitoring
from infra.steps.page import page
from infra.steps.pipeline import pipeline
from infra.steps.secret_versions import secrets
from infra.steps.topics import topics

STEPS: Final[dict[str, Callable[[Installation], Step]]] = {
    "01-apis": apis,
    "02-accounts": accounts,
    "03-buckets": buckets,
    "04-topics": topics,
    "05-database": database,
    "06-secrets": secrets,
    "07-grants": grants,
    "08-pipeline": pipeline,
    "09-functions": functions,
    "10-deliveries": deliveries,
    "11-page": page,
    "12-monitoring": monitoring,
}
