"""Write a brief as a prompt in US English, the only language that Lyria 2 reads."""

from typing import Final

from musicgenerator.briefs import Brief
from musicgenerator.plain_text import is_english

# From an energy, and from a length in seconds.
_INTENSITIES: Final = ((0.66, "high"), (0.33, "moderate"), (0.0, "low"))
_SECTIONS: Final = (
    (100, ("intro", "theme", "contrasting theme", "theme", "bridge", "full return of the theme", "ending")),
    (45, ("short intro", "theme", "contrasting theme", "theme", "ending")),
    (0, ("theme", "theme varied", "ending")),
)


def full(brief: Brief) -> str:
    """Return the brief's prompt, followed by its other musical fields."""
    own = brief.prompt.strip().rstrip(".") + ". " if is_english(brief.prompt) else ""
    return (
        f"{own}Instrumental {brief.genre} music. Mood: {', '.join(brief.moods)}. "
        f"Instruments: {', '.join(brief.instruments)}. Tempo: {brief.tempo_bpm} BPM. Key: {brief.key}."
    )


def intensity(brief: Brief) -> str:
    """Return the brief's energy as a word, as Lyria 3 reads it."""
    return f" Intensity: {next(word for least, word in _INTENSITIES if brief.energy >= least)}."


def shaped(seconds: float) -> str:
    """Return the length and the sections of a whole piece in words, as Lyria 3 Pro reads them."""
    minutes, rest = divmod(round(seconds), 60)
    sections = next(sections for least, sections in _SECTIONS if seconds >= least)
    return f" Length: {minutes}:{rest:02}. Sections: {', '.join(sections)}."


def plain(brief: Brief) -> str:
    """Return a prompt without free words and genre, since those make a model repeat existing music."""
    return (
        f"An original instrumental piece with a fresh melody for {', '.join(brief.instruments)}, "
        f"{', '.join(brief.moods)}, {brief.tempo_bpm} BPM, in {brief.key}."
    )


def avoided(brief: Brief) -> str:
    """Return what the music should avoid, empty if nothing is given or it is not English."""
    return brief.avoid.strip() if is_english(brief.avoid) else ""
