"""Make an export: the composer makes the notes of finished music again, as stems or as a loop.

As with music, a second try makes the same bytes: the ZIP has no times, and the composer is deterministic.
"""

import io
import json
import time
import zipfile
from dataclasses import dataclass, replace
from typing import Final, Protocol, Self

import numpy as np

from musicgenerator import logs
from musicgenerator.exports import EXPORT_FILES
from musicgenerator.marks.facts import Facts
from musicgenerator.marks.signers import Signer
from musicgenerator.orders import Order
from musicgenerator.results import RESULT_TYPES, TRACK, MusicFacts
from pipeline import encoding, marking
from pipeline.audio import Audio, Samples
from pipeline.engines.composer import Composer
from pipeline.engines.composer.keeping import composed
from pipeline.engines.composer.looping import loop
from pipeline.engines.composer.score import LEAD_IN_SECONDS
from pipeline.engines.composer.stems import stems
from pipeline.mastering import SilentMusicError, decibels, loudness_lufs, peaks, true_peaks
from pipeline.track_facts import track_facts

# The earliest time that a ZIP can state.
_NO_TIME: Final = (1980, 1, 1, 0, 0, 0)
_READABLE: Final = 0o644 << 16
# Level 6 makes a ZIP that is 1 % smaller, in a third more time.
_LEVEL: Final = 1
# What file systems forbid in names, with control and format characters.
_FORBIDDEN: Final = frozenset('/\\:*?"<>|')
_README: Final = "README.txt"
_READMES: Final = {
    "en": """{title}

The parts of this piece, each alone: WAV, 24 bits, {rate} Hz, stereo, {seconds:.1f} s.
All start at the same moment. Put each at the start of a track of its own, at the same volume.
Key {key}, {tempo:g} BPM, {beats}/4. The first beat is at {first:g} s.{slows}
Together they are the mix before the master.
The master removes what is too low to hear, raises the loudness, limits the peaks, and fades the first and last moment.
So their sum sounds like music.mp3, but is softer.

{files}

An AI made this music: engine {model}, seed {seed}.
""",
    "ko": """{title}

이 곡의 파트를 하나씩 담았어요: WAV, 24비트, {rate} Hz, 스테레오, {seconds:.1f}초.
모든 파일은 같은 순간에 시작해요. 각 파일을 트랙 하나씩의 처음에 같은 음량으로 놓으세요.
조는 {key}, 빠르기는 {tempo:g} BPM, 박자는 {beats}/4이에요. 첫 박은 {first:g}초에 있어요.{slows}
모두 더하면 마스터링하기 전의 믹스가 돼요.
마스터링은 들리지 않는 저음을 없애고, 음량을 올리고, 피크를 누르고, 처음과 끝을 짧게 페이드해요.
그래서 합치면 music.mp3와 같은 소리지만 더 작아요.

{files}

AI가 만든 음악이에요: 엔진 {model}, 시드 {seed}.
""",
}
_SLOWS: Final = {
    "en": " The last bar before the final chord slows down.",
    "ko": " 마지막 화음 앞의 한 마디는 느려져요.",
}


class Results(Protocol):
    """The export's folder in the results bucket."""

    def create(self, file: str, data: bytes, content_type: str, download_name: str = "") -> None:
        """Write a result unless it exists; raise OtherResultError if it exists with other bytes."""


@dataclass(frozen=True)
class _Marks:
    """What an export's WAVs say of themselves: plain tags, and content credentials by the signer, if there is one."""

    tags: encoding.Tags
    facts: Facts
    signer: Signer | None

    @classmethod
    def of(cls, order: Order, composer: Composer, signer: Signer | None) -> Self:
        made = composer.name, composer.model, order.seed
        return cls(encoding.Tags.of(order.brief, *made, order.prompt_version), Facts.of_order(order, *made), signer)

    def on(self, wav: bytes) -> bytes:
        return marking.mark(wav, marking.WAV, self.facts, self.signer)


@dataclass(frozen=True)
class _Made:
    """An export's file and its measurements; ``form`` is that of ``track.json``."""

    data: bytes
    name: str
    audio: Audio
    loudness_lufs: float
    peaks: tuple[float, ...]
    form: dict[str, object]


def write_export(job: str, order: Order, results: Results, signer: Signer | None) -> None:
    """Make the export that an order asks for and write its results; ``signer`` marks each WAV, None marks none."""
    composer = Composer.from_environment()
    started = time.monotonic()
    marks = _Marks.of(order, composer, signer)
    made = _stems(order, composer, marks) if order.export == "stems" else _loop(order, composer, marks)
    file = EXPORT_FILES[order.export]
    facts = MusicFacts(
        duration_seconds=round(made.audio.seconds, 3),
        mime_type=RESULT_TYPES[file],
        bytes=len(made.data),
        loudness_lufs=round(made.loudness_lufs, 2),
        peaks=made.peaks,
        engine=composer.name,
        seed=order.seed,
        cost_usd=0.0,
    )
    highest = decibels(float(true_peaks(made.audio.samples, float(np.abs(made.audio.samples).max())).max()))
    provenance = {"engine": composer.name, "model": composer.model, "seed": order.seed, "export": order.export}
    track = track_facts(order, made.form, facts, highest, provenance)
    exported = time.monotonic()
    results.create(file, made.data, RESULT_TYPES[file], made.name)
    # Written last: track.json means that the other file exists.
    results.create(TRACK, json.dumps(track, ensure_ascii=False, indent=2).encode(), RESULT_TYPES[TRACK])
    logs.info(
        "export written",
        job=job,
        kind=order.export,
        bytes=facts.bytes,
        exportingSeconds=round(exported - started, 2),
        writingSeconds=round(time.monotonic() - exported, 2),
    )


def _stems(order: Order, composer: Composer, marks: _Marks) -> _Made:
    """Return the ZIP of the parts; only one part at a time is in memory as samples, besides the sum."""
    out, total, rate = io.BytesIO(), np.zeros((0, 2), np.float32), 0
    piece = composed(order.brief, order.seconds, order.seed, order.keep)
    key, tempo = piece.key.name, round(piece.tempo, 2)
    names: list[str] = []
    with zipfile.ZipFile(out, "w") as archive:
        for stem in stems(order.brief, order.seconds, order.seed, order.keep, composer.soundfont):
            names.append(f"{len(names) + 1:02} {stem.name}.wav")
            # 24 bits: a part is up to 20 dB softer than the finished music, and people raise it. At 16 bits its noise
            # would rise with it, and the noises of seven parts would add up.
            tags = replace(marks.tags, title=f"{order.brief.title}: {stem.name}")
            _add(archive, names[-1], marks.on(encoding.wav_24(stem.audio, tags)))
            total, rate = _sum(total, stem.audio.samples), stem.audio.rate
        total_audio = Audio(total, rate)
        language = order.brief.language
        words = _READMES[language].format(
            title=order.brief.title,
            key=key,
            tempo=tempo,
            beats=piece.beats,
            first=LEAD_IN_SECONDS,
            slows=_SLOWS[language] if piece.ritardando else "",
            rate=rate,
            seconds=total_audio.seconds,
            files="\n".join(names),
            model=composer.model,
            seed=order.seed,
        )
        # Windows' editor needs the line ends; the byte order mark says that it is UTF-8.
        _add(archive, _README, words.replace("\n", "\r\n").encode("utf-8-sig"))
    loudness = loudness_lufs(total, rate)
    if not np.isfinite(loudness):
        raise SilentMusicError("the parts are silent or not finite")
    name = f"{_file_title(order.brief.title)} (stems).zip"
    form = {"key": key, "tempoBpm": tempo, "stems": names}
    return _Made(out.getvalue(), name, total_audio, loudness, peaks(total), form)


def _loop(order: Order, composer: Composer, marks: _Marks) -> _Made:
    made = loop(order.brief, order.seconds, order.seed, order.keep, composer.soundfont)
    master = made.master
    tempo = round(made.tempo_bpm, 2)
    name = f"{_file_title(order.brief.title)} ({made.key}, {tempo:g} BPM, {made.bars} bars).wav"
    form = {"key": made.key, "tempoBpm": tempo, "bars": made.bars}
    data = marks.on(encoding.wav(master.audio, marks.tags))
    return _Made(data, name, master.audio, master.loudness_lufs, master.peaks, form)


def _sum(total: Samples, samples: Samples) -> Samples:
    if not len(total):
        return samples.copy()
    total += samples
    return total


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, _NO_TIME)
    entry.external_attr = _READABLE
    archive.writestr(entry, data, zipfile.ZIP_DEFLATED, _LEVEL)


def _file_title(title: str) -> str:
    """Return a title as a part of a file name, as the page names its downloads."""
    kept = "".join(" " if letter in _FORBIDDEN or not letter.isprintable() else letter for letter in title)
    return " ".join(kept.split()).strip(".").strip() or "music"
