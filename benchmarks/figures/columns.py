"""All figures of a piece and of its finished audio by name."""

from typing import Final

from benchmarks.figures import arrangement, harmony, sound, tune
from benchmarks.figures.playing import Playing
from benchmarks.score_figures import parallels, voice_movement
from pipeline.audio import Audio
from pipeline.engines.composer.score import LEAD_IN_SECONDS, Piece

_HEARD_AGAIN_SECONDS: Final = (30, 60, 180)


def tune_figures(playing: Playing, seconds: float) -> dict[str, float]:
    """Return the figures that need only a melody; those of a longer time than ``seconds`` are left out."""
    again = {f"again {limit} s": tune.heard_again(playing, limit) for limit in _HEARD_AGAIN_SECONDS if limit <= seconds}
    return again | {
        "steps": tune.steps(playing),
        "fourths to fifths": tune.fourths_to_fifths(playing),
        "leaps": tune.leaps(playing),
        "silence": tune.silence(playing),
    }


def playing_figures(playing: Playing, seconds: float) -> dict[str, float]:
    """Return the figures that need the notes of all parts, those of the melody included."""
    return tune_figures(playing, seconds) | {
        "parts range": arrangement.parts_range(playing),
        "density ratio": arrangement.density_ratio(playing),
        "drum bars": arrangement.drum_bars(playing),
        "kick with bass": arrangement.kick_with_bass(playing),
    }


def score_figures(piece: Piece, midi: bytes) -> dict[str, float]:
    """Return all figures of a score; ``midi`` is the file that is delivered with it."""
    notes, rhythm = tune.theme_returns(piece)
    return playing_figures(Playing.of(piece), piece.seconds) | {
        "same notes": notes,
        "same rhythm": rhythm,
        "chords": harmony.chords(piece),
        "harmonies": harmony.harmonies(piece),
        "dominant endings": harmony.dominant_endings(piece),
        "outer parallels": parallels(piece),
        "voice movement": voice_movement(piece),
        "controllers": harmony.controllers(midi),
    }


def sound_figures(audio: Audio, piece: Piece) -> dict[str, float]:
    """Return all figures of a piece's finished audio; the third octaves are named by their frequency in Hz."""
    bars = [LEAD_IN_SECONDS + piece.seconds_at(beat) for beat in Playing.of(piece).bars]
    octaves = sound.third_octaves(audio)
    bands = {f"{frequency} Hz": float(level) for frequency, level in zip(sound.TARGET, octaves, strict=True)}
    return {
        "force range": sound.force_range(audio, bars),
        "level range": sound.level_range(audio),
        "loudness range": sound.loudness_range(audio),
        "off target": sound.off_target(octaves),
        "side to mid": sound.side_to_mid(audio),
        "bass side to mid": sound.bass_side_to_mid(audio),
        "centroid deviation": sound.centroid_deviation(audio),
        "ending": sound.ending(audio),
    } | bands
