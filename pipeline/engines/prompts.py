"""A brief in the words of a text-to-music model: US English, which is all that Lyria 2 reads."""

from musicgenerator.briefs import Brief
from musicgenerator.plain_text import is_english


def full(brief: Brief) -> str:
    """Return the brief's own prompt, followed by everything else that is known of the music."""
    own = brief.prompt.strip().rstrip(".") + ". " if is_english(brief.prompt) else ""
    return (
        f"{own}Instrumental {brief.genre} music. Mood: {', '.join(brief.moods)}. "
        f"Instruments: {', '.join(brief.instruments)}. Tempo: {brief.tempo_bpm} BPM. Key: {brief.key}."
    )


def plain(brief: Brief) -> str:
    """Return no more than the outline: free words and the name of a genre are what recalls known pieces."""
    return (
        f"An original instrumental piece with a fresh melody for {', '.join(brief.instruments)}, "
        f"{', '.join(brief.moods)}, {brief.tempo_bpm} BPM, in {brief.key}."
    )


def avoided(brief: Brief) -> str:
    """Return what the music should not have in it, empty where nothing is said that the model can read."""
    return brief.avoid.strip() if is_english(brief.avoid) else ""
