"""How long a person waits: to the first sound, with the sketcher as deployed and otherwise, and to the music."""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Final

from benchmarks import costs, limits, usage
from benchmarks.costs import markdown
from benchmarks.simulation.chain import Chain
from benchmarks.simulation.outcomes import Outcome, median, p99
from benchmarks.simulation.scenarios import MONTH_SECONDS, VOLUMES, Volume, one_region, raised
from benchmarks.simulation.settings import DAY_SECONDS, Settings
from infra.costs import STEP_MACHINE, pays_from
from infra.prices import prices

# Seconds: the first sound's median and 99th percentile, and the music's median on warm machines.
FIRST_SOUND_GOAL: Final = (12.0, 25.0)
MUSIC_GOAL: Final = 45.0

_FEW, _MANY = VOLUMES[0], VOLUMES[1]
_SOME: Final = 10_000
_LONGEST: Final = max(usage.SKETCH_CPU_SECONDS)
_HOUR: Final = 3_600.0
# Between two pictures of the smaller volume are 43 minutes, so nearly every picture finds no instance.
_COLD_SECONDS: Final = 60.0
# Assumed: seconds from the announcement of a track to the end of its upload.
_UPLOAD_SECONDS: Final = 3.0
# The longest pause between two wakes of one instance of the API (functions/upload_handler/waking.py).
_WAKE_PAUSE_SECONDS: Final = 300.0
_WOKEN: Final = ("captioner", "sketcher", "pipeline_launcher")
_CARRIED: Final = 0.99
# The last of each lets each minute's jobs find warm machines, in the first region.
_TOGETHER: Final = ((VOLUMES[1], (0, 1, 2)), (VOLUMES[2], (0, 6, 8)), (VOLUMES[3], (0, 28)))
_CARRY_DAYS: Final = 16


@dataclass(frozen=True)
class Case:
    """One way to reach the first sound, and the dollars that it adds to a track."""

    name: str
    settings: Settings
    adds: float


def first_sounds() -> list[Case]:
    """Return announced pictures, whose announcement wakes the functions, then dropped ones, which wake none.

    The last cases are not deployed: they are what would shorten the way of dropped pictures.
    """
    sketch = sum(costs.sketch_parts(prices()).values())
    kept = {name: costs.kept_instance(name, prices()) / _FEW.pictures for name in ("captioner", "sketcher")}
    cold, dropped = _cold(_announced(_sketched(_FEW))), _cold(_sketched(_FEW))
    both, few, many = ("captioner", "sketcher"), f"{_FEW.pictures:,} a month", f"{_MANY.pictures:,} a month"
    woken = replace(dropped, wakes=("sketcher",))
    return [
        Case(few, _announced(_sketched(_FEW)), sketch),
        Case(f"{few}, all functions cold", cold, sketch),
        Case(f"{few}, all functions cold, {_LONGEST} s of sketch", _longest(cold), sketch),
        Case(f"{_SOME:,} a month", _announced(_some()), sketch),
        Case(many, _announced(_sketched(_MANY)), sketch),
        Case(f"{many}, {_LONGEST} s of sketch", _longest(_announced(_sketched(_MANY))), sketch),
        Case(f"{few}, dropped", _sketched(_FEW), sketch),
        Case(f"{few}, dropped, all functions cold", dropped, sketch),
        Case(f"{few}, dropped, cold, one sketcher kept", _kept(dropped, "sketcher"), sketch + kept["sketcher"]),
        Case(f"{few}, dropped, cold, one captioner kept", _kept(dropped, "captioner"), sketch + kept["captioner"]),
        Case(f"{few}, dropped, cold, one of both kept", _kept(dropped, *both), sketch + sum(kept.values())),
        Case(f"{few}, dropped, cold, if the upload's event started a sketcher", woken, sketch),
    ]


def loads() -> list[tuple[str, Settings]]:
    """Return what many pictures ask of the sketcher, with fewer, as many and more instances than are deployed."""
    deployed = limits.hosted("sketcher").instances
    many = f"{_MANY.pictures:,} a month"
    cases = [(f"{many}, {_LONGEST} s of sketch", _longest(_sketched(_MANY)), size) for size in (5, 10, deployed)]
    sizes = (deployed // 2, deployed, 2 * deployed)
    cases += [(f"{burst:,} pictures at once", _burst(burst), size) for burst in (300, 1_000) for size in sizes]
    cases.append((f"1,000 pictures at once, {_LONGEST} s of sketch", _longest(_burst(1_000)), deployed))
    return [(name, _instances(settings, size)) for name, settings, size in cases]


WarmCase = tuple[Volume, str, int, int]


def warm_cases() -> list[WarmCase]:
    """Return volumes and engines with ``BATCH_SECONDS`` and numbers of warm machines."""
    few = [(_FEW, engine, 0, number) for engine in ("composer", "lyria-3-clip") for number in (0, 1)]
    alone = [(_MANY, "composer", 0, number) for number in (0, 8, 10, 12, 14, 16, 20)]
    return few + alone + [(volume, "composer", 1, number) for volume, numbers in _TOGETHER for number in numbers]


def carried(number: int) -> int:
    """Return the tracks a day of which ``number`` warm machines take 99 of 100, with the day's swing."""
    few, many = 1, int(DAY_SECONDS * number / limits.WARM_START.value)
    while many > 1.02 * few + 1:
        tracks = (few + many) // 2
        settings = _warm(_MANY, "composer", 0, number)
        seconds = _CARRY_DAYS / number * DAY_SECONDS
        outcome = Chain(replace(settings, sketcher=None, pictures_a_second=tracks / DAY_SECONDS, seconds=seconds)).run()
        few, many = (tracks, many) if 1 - outcome.on_demand >= _CARRIED else (few, tracks)
    return few


def tables(pool: Executor) -> tuple[str, str, str, str]:
    """Return the tables of the first sound, the sketcher's instances, warm machines, and what a number of them carries.

    They are simulated in parallel.
    """
    firsts, sizes, warm, numbers = first_sounds(), loads(), warm_cases(), (1, 2, 4)
    sounds = pool.map(_run, [case.settings for case in firsts])
    loaded = pool.map(_run, [settings for _, settings in sizes])
    music = pool.map(_run, [_warm(*case) for case in warm])
    carry = pool.map(carried, numbers)
    return (
        _first_table(list(zip(firsts, sounds, strict=True))),
        _load_table(list(zip(sizes, loaded, strict=True))),
        _warm_table(list(zip(warm, music, strict=True))),
        _carry_table(dict(zip(numbers, carry, strict=True))),
    )


def _run(settings: Settings) -> Outcome:
    return Chain(settings).run()


def _sketched(volume: Volume) -> Settings:
    return one_region(volume, "composer")


def _announced(settings: Settings) -> Settings:
    """Return settings in which every picture is announced, by one instance of the API."""
    return replace(settings, wakes=_WOKEN, wake_seconds=_UPLOAD_SECONDS, wake_pause_seconds=_WAKE_PAUSE_SECONDS)


def _some() -> Settings:
    return replace(_sketched(_FEW), pictures_a_second=_SOME / MONTH_SECONDS, seconds=10 * DAY_SECONDS)


def _warm(volume: Volume, engine: str, batch_seconds: int, number: int) -> Settings:
    if not batch_seconds:
        return replace(one_region(volume, engine), warm=number)
    return raised(volume, engine, costs.PLANS[volume.pictures].regions, number)


def _longest(settings: Settings) -> Settings:
    return replace(settings, sketch_seconds=usage.SKETCH_CPU_SECONDS[_LONGEST] + usage.SKETCH.waiting_seconds)


def _burst(pictures: int) -> Settings:
    return replace(_sketched(_FEW), pictures_a_second=0.0, seconds=_HOUR, at_once=pictures)


def _cold(settings: Settings) -> Settings:
    """Return settings in which no picture finds an instance of the one before."""
    names = ("captioner", "sketcher", "launcher", "notifier")
    return _with(replace(settings, wake_pause_seconds=0.0), names, idle_seconds=_COLD_SECONDS)


def _kept(settings: Settings, *functions: str) -> Settings:
    return _with(settings, functions, kept=1)


def _instances(settings: Settings, number: int) -> Settings:
    return _with(settings, ("sketcher",), instances=number)


def _with(settings: Settings, functions: Sequence[str], **changes: float) -> Settings:
    changed = {name: replace(getattr(settings, name), **changes) for name in functions}
    return replace(settings, **changed)


def _first_table(found: list[tuple[Case, Outcome]]) -> str:
    goals = " and ".join(f"{goal:g} s" for goal in FIRST_SOUND_GOAL)
    rows = []
    for case, outcome in found:
        seconds = median(outcome.sounded), p99(outcome.sounded)
        missed = [
            name
            for name, figure, goal in zip(("median", "p99"), seconds, FIRST_SOUND_GOAL, strict=True)
            if figure > goal
        ]
        says = f"{' and '.join(missed)} missed" if missed else "met"
        rows.append([case.name, *(f"{each:.1f} s" for each in seconds), says, f"{case.adds:.5f}"])
    return markdown(["", "first sound, median", "p99", f"goal: {goals}", "adds to a track"], rows)


def _load_table(found: list[tuple[tuple[str, Settings], Outcome]]) -> str:
    head = ["", "sketcher's instances", "used", "first sound, median", "p99", "sketches dropped", "music, median"]
    rows = []
    for (name, settings), outcome in found:
        seconds = median(outcome.sounded), p99(outcome.sounded), outcome.median
        figures = [f"{each:.1f} s" for each in seconds[:2]]
        size = settings.sketcher.instances if settings.sketcher else 0
        used = f"{outcome.highest['sketcher']}"
        rows.append([name, f"{size}", used, *figures, f"{outcome.unsketched}", f"{seconds[2]:.0f} s"])
    return markdown(head, rows)


def _warm_table(found: list[tuple[WarmCase, Outcome]]) -> str:
    goal = f"goal: under {MUSIC_GOAL:g} s"
    head = ["pictures a month", "engine", "`BATCH_SECONDS`", "WARM", "tracks a run", "music, median", "p99", goal]
    known, rows = prices(), []
    for (volume, engine, seconds, number), outcome in found:
        adds = costs.warm_adds(number, volume.pictures, outcome.on_demand, known, tracks=outcome.tracks_a_run)
        rows.append(
            [
                f"{volume.pictures:,}",
                engine,
                f"{seconds}",
                f"{number}",
                f"{outcome.tracks_a_run:.3g}",
                f"{outcome.median:.0f} s",
                f"{outcome.p99:.0f} s",
                ("met" if outcome.median < MUSIC_GOAL else "missed") if number else "",
                f"{outcome.on_demand:.1%}",
                f"{costs.warm_month(number, known):,.0f}",
                f"{adds:+.4f}",
            ]
        )
    return markdown([*head, "on new machines", "dollars a month", "adds to a track"], rows)


def _carry_table(found: dict[int, int]) -> str:
    head = ["WARM", "costs as much as new machines: tracks a day", "99 of 100 find a warm machine: tracks a day"]
    pays = pays_from(STEP_MACHINE, prices())
    rows = [[f"{number}", f"{number * pays:,}", f"{float(f'{tracks:.2g}'):,.0f}"] for number, tracks in found.items()]
    return markdown(head, rows)
