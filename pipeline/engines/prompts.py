"""Write a brief as a prompt in US English, the only language that Lyria 2 reads."""

from musicgenerator.briefs import Brief
from musicgenerator.plain_text import is_english


def full(brief: Brief) -> str:
    """Return the brief's prompt, followed by its other musical fields."""
    own = brief.prompt.strip().rstrip(".") + ". " if is_english(brief.prompt) else ""
    return (
        f"{own}Instrumental {brief.genre} music. Mood: {', '.join(brief.moods)}. "
        f"Instruments: {', '.join(brief.instruments)}. Tempo: {brief.tempo_bpm} BPM. Key: {brief.key}."
    )


def plain(brief: Brief) -> str:
    """Return a prompt without free words and genre, since those make a model repeat existing music."""
    return (
        f"An original instrumental piece with a fresh melody for {', '.join(brief.instruments)}, "
        f"{', '.join(brief.moods)}, {brief.tempo_bpm} BPM, in {brief.key}."
    )


def avoided(brief: Brief) -> str:
    """Return what the music should avoid, empty if nothing is given or it is not English."""
    return brief.avoid.strip() if is_english(brief.avoid) else ""
