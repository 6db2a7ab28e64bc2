"""The page's server: its configuration, its headers, and the files that it serves."""

import json
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests
import yaml

from localcloud.addresses import IMAGES_BUCKET, REPOSITORY, RESULTS_BUCKET, Addresses
from localcloud.parts import page
from localcloud.servers.page import USUAL_SECONDS, PageNotBuiltError, PageServer, configuration
from localcloud.supervisor import Supervisor
from tests.support.ports import free_ports


@pytest.fixture
def addresses(tmp_path: Path) -> Addresses:
    # With port 0 the system chooses the page's port; the other parts do not run.
    return Addresses(0, tmp_path)


@pytest.fixture
def page_url(addresses: Addresses, tmp_path: Path) -> Iterator[str]:
    built = tmp_path / "built"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_text("<!doctype html>")
    (built / "assets" / "main-ABC.js").write_text("export {};")
    (tmp_path / "secret.txt").write_text("secret")
    with PageServer(addresses, built) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def get(url: str) -> requests.Response:
    """Get exactly this URL; requests would normalize the dots in it."""
    with requests.Session() as session:
        prepared = requests.Request("GET", url).prepare()
        prepared.url = url
        return session.send(prepared, timeout=10)


def test_the_configuration_names_the_addresses(addresses: Addresses) -> None:
    """Everything that differs between the local cloud and Google Cloud is in the configuration."""
    expected = {
        "apiUrl": addresses.url("upload_handler"),
        "projectId": "demo-musicgenerator",
        "firestoreApiKey": None,
        "firestoreEmulator": addresses.host("firestore"),
        "dropSession": None,
        "resultsUrl": f"{addresses.url('storage')}/musicgenerator-results",
        "engines": [{"name": "composer", "usualSeconds": USUAL_SECONDS["composing"], "usd": None}],
        "usualSeconds": USUAL_SECONDS,
        "operatorName": None,
        "operatorContact": None,
        "sessionDays": 30,
    }
    assert configuration(addresses) == expected


@pytest.mark.parametrize(
    ("warm", "start"), [("", 90), ("0", 90), ("1", 5)], ids=["an empty setting", "new machines", "kept machines"]
)
def test_the_usual_seconds_have_the_start_of_the_machines_that_are_used(
    addresses: Addresses, monkeypatch: pytest.MonkeyPatch, warm: str, start: int
) -> None:
    """An empty WARM keeps no machines, and the launcher then names none."""
    for name, value in {"WARM": warm, "COLD_START_SECONDS": "90", "WARM_START_SECONDS": "5"}.items():
        monkeypatch.setenv(name, value)
    assert configuration(addresses)["usualSeconds"]["composing"] == USUAL_SECONDS["composing"] + start
    named = addresses.function_environ("sdrop", "gs://b/template.yaml")["PERSISTENT_RESOURCE"]
    assert bool(named) == (warm == "1")


@pytest.mark.parametrize("shown", ["true", "false", ""])
def test_the_configuration_offers_the_engines_that_are_allowed(
    addresses: Addresses, monkeypatch: pytest.MonkeyPatch, shown: str
) -> None:
    """The default engine is the first. Prices are Google Cloud's, and shown only if the operator says so."""
    environ = {"DEFAULT_ENGINE": "lyria-3-pro", "ALLOWED_ENGINES": "composer lyria-3-pro endpoint"}
    for name, value in (environ | {"SHOW_PRICES": shown}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ENGINE_PRICES", page(addresses).environ["ENGINE_PRICES"])
    engines = configuration(addresses)["engines"]
    assert [each["name"] for each in engines] == ["lyria-3-pro", "composer", "endpoint"]
    prices = [0.12, 0.041, None] if shown == "true" else [None] * 3
    assert [each["usd"] for each in engines] == prices


SERVE = """
import sys
from pathlib import Path
from localcloud.addresses import Addresses
from localcloud.servers.page import PageServer
PageServer(Addresses.from_environ(), Path(sys.argv[1])).serve_forever()
"""


def test_the_page_has_the_settings_that_the_local_cloud_is_started_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server runs as a part of the local cloud, with that part's environment; only the built page is another."""
    environ = {
        "ALLOWED_ENGINES": "composer lyria-002 lyria-3-pro",
        "SHOW_PRICES": "true",
        "OPERATOR_NAME": "Kim",
        "OPERATOR_CONTACT": "kim@example.com",
        "SESSION_DAYS": "7",
        "WARM": "1",
        "WARM_START_SECONDS": "5",
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "index.html").write_text("<!doctype html>")
    addresses = Addresses(free_ports(20), tmp_path)
    part = replace(page(addresses), command=(sys.executable, "-c", SERVE, str(tmp_path)))
    with Supervisor(tmp_path / "logs", show=lambda _: None) as supervisor:
        supervisor.start([part])
        shown = get(f"{addresses.url('page')}/config.json").json()
    assert [(each["name"], each["usd"]) for each in shown["engines"]] == [
        ("composer", 0.041),
        ("lyria-002", 0.1),
        ("lyria-3-pro", 0.12),
    ]
    assert (shown["operatorName"], shown["operatorContact"], shown["sessionDays"]) == ("Kim", "kim@example.com", 7)
    assert shown["usualSeconds"]["composing"] == USUAL_SECONDS["composing"] + 5


def test_the_drop_sessions_secret_stays_private(addresses: Addresses, page_url: str) -> None:
    """The session's id is the right to read it; the secret is the right to command it and stays private."""
    addresses.drop_session_file.write_text(json.dumps({"session": "sdrop", "secret": "kdrop"}))
    answer = get(f"{page_url}/config.json")
    assert answer.json()["dropSession"] == "sdrop"
    assert "kdrop" not in answer.text


@pytest.mark.parametrize("path", ["/", "/config.json", "/assets/main-ABC.js", "/missing"])
def test_every_answer_carries_the_policy(addresses: Addresses, page_url: str, path: str) -> None:
    """The policy allows no inline script, no frame, and of Cloud Storage only the two buckets."""
    headers = get(page_url + path).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "require-trusted-types-for 'script'; trusted-types musicgenerator" in policy
    assert "unsafe" not in policy
    storage = addresses.url("storage")
    sources = [word for word in policy.replace(";", "").split() if word.startswith(storage)]
    assert set(sources) == {f"{storage}/{IMAGES_BUCKET}/", f"{storage}/{RESULTS_BUCKET}/"}
    assert "{" not in policy
    assert headers["Referrer-Policy"] == "strict-origin"
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_only_files_with_a_hash_are_cached_forever(page_url: str) -> None:
    """Files whose name has a hash are cached forever. Other files and 404 answers are not cached."""
    forever = "public, max-age=31536000, immutable"
    assert get(f"{page_url}/assets/main-ABC.js").headers["Cache-Control"] == forever
    for path in ("/", "/index.html", "/config.json", "/assets/missing.js"):
        assert get(page_url + path).headers["Cache-Control"] == "no-cache"


def test_scripts_are_sent_compressed_to_clients_that_accept_it(page_url: str) -> None:
    """With and without compression the same text arrives, with the same headers."""
    for encoding in ("gzip", "identity"):
        answer = requests.get(f"{page_url}/assets/main-ABC.js", headers={"Accept-Encoding": encoding}, timeout=10)
        assert answer.text == "export {};"
        assert answer.headers.get("Content-Encoding") == ("gzip" if encoding == "gzip" else None)
        assert answer.headers["Content-Type"] == "text/javascript"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_exactly_what_a_deployment_stores_compressed_is_sent_compressed(page_url: str, tmp_path: Path) -> None:
    """Each object of the recorded deployment's page, under the name with which it is served."""
    start = "b/recorded-project-musicgenerator-page/o/"
    recorded = yaml.safe_load((REPOSITORY / "tests" / "deploy" / "expected.yaml").read_text(encoding="utf-8"))
    stored = {name.removeprefix(start): body for name, body in recorded["storage"].items() if name.startswith(start)}
    sent = {}
    for name in stored:
        (tmp_path / "built" / name).write_text("text")
        sent[name] = requests.get(f"{page_url}/{name}", timeout=10).headers.get("Content-Encoding")
    assert {"index.html", "share.html", "service-worker.js", "icon.svg", "config.json"} < set(stored)
    assert sent == {name: body.get("contentEncoding") for name, body in stored.items()}
    assert sent["assets/main-(hash).js"] == "gzip"


def test_a_new_build_is_seen_at_once(page_url: str, tmp_path: Path) -> None:
    """The server does not serve the compressed copy of an older file."""
    page = tmp_path / "built" / "index.html"
    assert requests.get(page_url, timeout=10).text == "<!doctype html>"
    page.write_text("<!doctype html><p>new</p>")
    os.utime(page, (1, 1))
    assert requests.get(page_url, timeout=10).text == "<!doctype html><p>new</p>"


@pytest.mark.parametrize(
    "path",
    [
        "/assets/",
        "/assets",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "//../secret.txt",
        "/assets/main-ABC.js/",
    ],
)
def test_folders_and_files_outside_the_built_page_are_not_served(page_url: str, path: str) -> None:
    """The server answers 404 for anything but a file of the built page."""
    answer = get(page_url + path)
    assert answer.status_code == 404
    assert "secret" not in answer.text.replace(path, "")


def test_the_server_answers_health_checks(page_url: str) -> None:
    """The local cloud waits for this answer when it starts."""
    assert get(f"{page_url}/healthz").text == "ok\n"


def test_a_missing_build_is_an_error_that_names_the_command(addresses: Addresses, tmp_path: Path) -> None:
    """The error names `make build-web`."""
    with pytest.raises(PageNotBuiltError, match="make build-web"):
        PageServer(addresses, tmp_path / "nowhere")
