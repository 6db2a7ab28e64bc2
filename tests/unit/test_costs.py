import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest
from openai_prices import PRICES as DESCRIBERS

from benchmarks import costs, usage
from infra.costs import pays_from, track_usd, warm_text
from infra.installation import INFRA
from infra.prices import PRICES, Price, prices
from localcloud.addresses import REPOSITORY
from pipeline.engines.lyria import LYRIA_2_USD, LYRIA_3_CLIP_USD, LYRIA_3_PRO_USD

ENGINES = list(costs.ENGINES)


def test_every_price_is_dated() -> None:
    """A price names its source and the date, which is not older than the project."""
    for price in prices().values():
        assert price.source
        assert date(2026, 11, 1) <= price.date <= date(2027, 11, 1)


@pytest.mark.parametrize("missing", ["date", "source", "assumed"])
def test_a_price_without_its_origin_is_refused(tmp_path: Path, missing: str) -> None:
    """A price that nobody can check cannot be added."""
    lines = ["[x]", "usd = 1.0", "per = 1", 'unit = "x"', 'source = "page"', "date = 2026-11-22", "assumed = false"]
    file = tmp_path / "prices.toml"
    file.write_text("\n".join(line for line in lines if not line.startswith(missing)))
    with pytest.raises(TypeError):
        prices(file)


def test_a_date_in_words_is_refused() -> None:
    """The date must be a TOML date."""
    with pytest.raises(ValueError, match="source and a date"):
        Price(1.0, 1, "x", "page", "yesterday", assumed=False)  # type: ignore[arg-type]


def test_the_code_knows_the_same_prices() -> None:
    """The engines and the captioner write the cost of a track with the prices of the list."""
    known = prices()
    assert known["lyria_2"].of(1) == LYRIA_2_USD
    assert known["lyria_3_clip"].of(1) == LYRIA_3_CLIP_USD
    assert known["lyria_3_pro"].of(1) == LYRIA_3_PRO_USD
    assert (known["describer_read"].of(1e6), known["describer_written"].of(1e6)) == DESCRIBERS["gpt-6-luna"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("pictures", costs.VOLUMES)
def test_a_track_costs_its_parts(engine: str, pictures: int) -> None:
    """The sum contains only its parts."""
    found = costs.parts(engine, pictures, prices())
    assert costs.track(engine, pictures, prices()) == pytest.approx(sum(found.values()))
    assert all(usd >= 0 for usd in found.values())


def test_each_part_follows_its_price() -> None:
    """Doubling a price doubles its part and changes the sum by that amount."""
    known = dict(prices())
    before, was = costs.track("composer", 1000, known), costs.parts("composer", 1000, known)["pipeline run"]
    run = known["pipeline_run"]
    known["pipeline_run"] = Price(2 * run.usd, run.per, run.unit, run.source, run.date, run.assumed)
    assert before + was == pytest.approx(costs.track("composer", 1000, known))


@pytest.mark.parametrize("name", list(prices()))
def test_every_price_is_used(name: str) -> None:
    """Every price affects a track, a kept instance or warm machines of its type."""
    known = dict(prices())
    before = everything(known)
    price = known[name]
    known[name] = Price(price.usd + 1, price.per, price.unit, price.source, price.date, price.assumed)
    assert everything(known) != before


def everything(known: Mapping[str, Price]) -> list[float]:
    machines = [name.removeprefix("machine.") for name in known if name.startswith("machine.")]
    return [
        *(costs.track(engine, 1000, known) for engine in ENGINES),
        *(costs.warm_month(1, known, machine) for machine in machines),
        costs.kept_instance("sketcher", known),
    ]


def test_a_sketch_is_counted_like_the_other_work() -> None:
    """The difference between a track with and without a sketch is the sketch, of which each part costs something."""
    known = prices()
    found = costs.sketch_parts(known)
    assert all(usd > 0 for usd in found.values())
    with_sketch, without = (costs.track("composer", 1000, known, sketches=sketches) for sketches in (True, False))
    assert with_sketch - without == pytest.approx(sum(found.values()))
    # 3.1 s of one vCPU and 1 GiB, and one request.
    assert found["function"] == pytest.approx(3.1 * (0.000024 + 0.0000025) + 0.4e-6)
    # Six documents are read and two written.
    assert found["Firestore"] == pytest.approx((6 * 0.03 + 2 * 0.09) / 100_000)


def test_an_export_costs_its_run_and_each_download() -> None:
    """Stems of 180 s are 220 MB, each download of which is sent; a loop is never larger than the music's WAV."""
    known = prices()
    stems, loop = (costs.export_parts(kind, 180, known) for kind in ("stems", "loop"))
    assert stems["one download"] == pytest.approx(0.22 * 0.12)
    assert stems["pipeline run"] == loop["pipeline run"] == 0.03
    assert usage.EXPORT_BYTES["loop"][30] == usage.WAV_BYTES
    # The alert watches 10 GB an hour (infra/monitoring).
    assert 45 <= 10_000_000_000 / usage.EXPORT_BYTES["stems"][180] < 46
    for kind, sizes in usage.EXPORT_BYTES.items():
        for seconds in sizes:
            assert 4 < usage.export_minutes(kind, seconds) < 6


@pytest.mark.parametrize(("pictures", "most"), [(1_000, 0.0432), (1_000_000, 0.006), (100_000_000, 0.003)])
def test_a_composers_track_costs_at_most(pictures: int, most: float) -> None:
    """A thousand a month cost 0.0431 before the describer gave reasons, 0.00007 more now; more share their jobs."""
    assert costs.track("composer", pictures, prices()) <= most


def test_a_job_has_the_tracks_of_a_minute_and_no_more_than_its_engine_makes() -> None:
    """However long each track waits, a sweep takes what has become due since the one before."""
    a_minute = 1_000_000 / (30 * 24 * 60)
    assert costs.tracks_a_run("composer", 1_000_000, 1) == pytest.approx(a_minute, rel=0.01)
    assert costs.tracks_a_run("composer", 1_000_000, 60) == costs.tracks_a_run("composer", 1_000_000, 1)
    assert costs.tracks_a_run("composer", 1_000_000, 0) == 1
    for engine in ENGINES:
        largest = costs.largest_group(engine)
        assert 0.95 * largest < costs.tracks_a_run(engine, 100_000_000, 1) <= largest
    assert costs.largest_group("composer") == 50
    # A track a day shares its job with nobody.
    assert costs.tracks_a_run("composer", 30, 1) == pytest.approx(1, abs=0.01)


def test_a_machine_is_billed_for_its_start_once_and_for_each_four_tracks() -> None:
    """As many as the engine makes at once take as long as one."""
    one, four, eight = (usage.machine_minutes("composer", tracks) for tracks in (1, 4, 8))
    assert one == four == usage.MACHINE_MINUTES
    assert (eight - four) * 60 == pytest.approx(0.5 + 0.06 * 30)


def test_a_track_that_shares_its_job_reads_and_writes_more() -> None:
    """It waits, is claimed by a sweep and is looked up by its job; its share of the job is smaller."""
    alone, shared = (costs.parts("composer", 1_000_000, prices(), batch_seconds=seconds) for seconds in (0, 1))
    assert shared["Firestore"] > alone["Firestore"]
    for part in ("pipeline run", "pipeline machine", "pipeline metadata", "storage for a month"):
        assert shared[part] < alone[part]


def test_a_large_volume_reads_more_documents_of_the_counters() -> None:
    """Both counters have a document for each 40,000 of the day's limit, at least ten."""
    assert [usage.shards(pictures) for pictures in costs.VOLUMES] == [10, 10, 10, 84]
    ten, more = (sum(each.reads for each in usage.documents(pictures)) for pictures in (10_000_000, 100_000_000))
    assert more - ten == 2 * (84 - 10)
    firestore = [costs.parts("composer", pictures, prices())["Firestore"] for pictures in (10_000_000, 100_000_000)]
    assert firestore[1] - firestore[0] == pytest.approx(2 * (84 - 10) * 0.03 / 100_000, rel=0.01)


def test_a_warm_machine_pays_from_the_tracks_that_would_use_a_new_one_all_day() -> None:
    """Both cost the same by the minute, so the number follows from the minutes that a step uses of a new machine."""
    known = prices()
    tracks = pays_from("e2-standard-4", known)
    assert tracks == 24 * 60 / usage.MACHINE_MINUTES == 360
    a_month = tracks * usage.DAYS_A_MONTH
    assert costs.warm_adds(1, a_month, 0.0, known) == pytest.approx(0.0, abs=1e-9)
    assert costs.warm_adds(1, 2 * a_month, 0.0, known) < 0 < costs.warm_adds(1, a_month // 2, 0.0, known)
    # Steps that find no warm machine pay for a new one too.
    assert costs.warm_adds(1, a_month, 1.0, known) == pytest.approx(costs.new_machine(known))


@pytest.mark.parametrize(
    ("number", "machine", "says"),
    [
        (1, "e2-standard-4", ["0.154 an hour", "110.88 a month", "from 360 tracks a day"]),
        (3, "e2-standard-4", ["0.462 an hour", "332.64 a month", "3 e2-standard-4", "from 1,080 tracks a day"]),
        (2, "e2-standard-8", ["0.616 an hour", "assumed", "from 1,440 tracks a day"]),
        (1, "n2-highmem-64", ["1 n2-highmem-64", "no price of this", "cloud.google.com/vertex-ai/pricing"]),
        (1, "egress", ["1 egress", "no price of this"]),
    ],
)
def test_the_plan_says_what_warm_machines_cost_by_the_hour(number: int, machine: str, says: list[str]) -> None:
    """The number and the type count; a type without a price in the list is said to have none."""
    text = warm_text(number, machine, prices())
    assert [words for words in says if words not in text] == []


@pytest.mark.parametrize("engine", [engine for engine in ENGINES if engine != "endpoint"])
def test_a_visitor_sees_what_a_track_costs_in_a_job_of_its_own(engine: str) -> None:
    """It is the price in the table, with two digits, without the share of what an installation costs at rest."""
    listed = costs.track(engine, 1_000_000, prices(), batch_seconds=0)
    assert track_usd(engine, prices()) == float(f"{listed:.2g}")


def test_an_endpoints_track_has_no_price() -> None:
    """Its machines are paid by the hour."""
    assert track_usd("endpoint", prices()) is None


@pytest.mark.parametrize("engine", ENGINES)
def test_more_pictures_cost_more_and_each_no_more(engine: str) -> None:
    """A month's costs grow with its pictures, and fixed costs are shared by more of them."""
    each = [costs.track(engine, pictures, prices()) for pictures in costs.VOLUMES]
    month = [usd * pictures for usd, pictures in zip(each, costs.VOLUMES, strict=True)]
    assert sorted(set(month)) == month
    assert sorted(each, reverse=True) == each


def test_an_endpoint_has_a_machine_and_grows() -> None:
    """One picture keeps a machine running, and ten times the pictures never need fewer machines."""
    needed = [costs.endpoint_machines(10.0**power) for power in range(-3, 6)]
    assert needed[0] == 1
    assert sorted(needed) == needed
    assert needed[-1] * usage.ENDPOINT_BUSY * 60 / usage.ENDPOINT_SECONDS >= 1e5


def test_the_document_shows_the_commands_tables() -> None:
    """docs/operations.md has the tables of the current prices."""
    command = [sys.executable, "-m", "benchmarks.costs"]
    environ = {"PYTHONPATH": f"{REPOSITORY}/src:{REPOSITORY}"}
    printed = subprocess.run(command, cwd=REPOSITORY, env=environ, capture_output=True, text=True, check=True).stdout
    assert printed.strip() in (REPOSITORY / "docs" / "operations.md").read_text()
    assert PRICES.name in (REPOSITORY / "docs" / "operations.md").read_text()


def test_an_installation_costs_money_at_rest() -> None:
    """Every condition of an alert has a price, and each part of the tick, of which there is one a minute."""
    known = prices()
    found = costs.at_rest(known)
    conditions = [
        condition
        for file in (REPOSITORY / "infra" / "monitoring").glob("alert-*.json")
        for condition in re.findall(r'"condition(?:Threshold|Absent|MatchedLog)"', file.read_text(encoding="utf-8"))
    ]
    assert found["alerts: conditions"] == pytest.approx(0.10 * len(conditions))
    assert found["tick: the scheduler's job"] == 0.10
    # Two queries: overdue tracks, and records of jobs to delete.
    assert found["tick: Firestore"] == pytest.approx(60 * 24 * 30 * 2 * 0.03 / 100_000)
    # Each message is published and pushed, and each of the two is billed as 1,000 bytes.
    assert found["tick: Pub/Sub"] == pytest.approx(60 * 24 * 30 * 2 * 1_000 * 40 / 2**40)
    assert found["tick: the function"] > 60 * 24 * 30 * known["function_requests"].of(1)
    assert all(usd > 0 for usd in found.values())
    assert costs.parts("composer", 1, known)["at rest"] == pytest.approx(sum(found.values()))


def test_the_plan_says_what_an_installation_costs_at_rest() -> None:
    """The text that `make plan` prints has the sums of the current prices, to the cent."""
    found = costs.at_rest(prices())

    def cents(start: str) -> str:
        return f"{sum(usd for part, usd in found.items() if part.startswith(start)):.2f}"

    line = next(line for line in (INFRA / "costs.txt").read_text(encoding="utf-8").splitlines() if "at rest" in line)
    total, *shown = re.findall(r"\d+\.\d\d", line)
    assert shown == [cents("alerts"), cents("tick"), cents("images"), cents("secrets")]
    assert float(total) == pytest.approx(sum(found.values()), abs=0.05)
