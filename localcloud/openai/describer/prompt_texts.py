"""The texts for a music model, in US English: the prompt, and what to avoid."""

from typing import Final

from localcloud.openai.describer.music import Music

# Up to each limit of energy: the sound, and the possible courses of a piece.
_COURSES: Final = (
    (
        0.2,
        "Sparse and hushed, with long notes and room to breathe",
        ("It barely moves: a few tones open, a melody surfaces once, and all of it fades into silence",),
    ),
    (
        0.45,
        "Gentle and unhurried, with a close, warm sound",
        (
            "It opens with a simple motif, adds one voice at a time, and returns home softly",
            "A lyrical theme is stated, answered lower, and comes back fuller before a quiet close",
        ),
    ),
    (
        0.55,
        "Flowing, with a clear pulse and a light touch",
        (
            "It settles into a steady groove, lifts in the middle, and eases out",
            "A singing theme passes from one instrument to the next over a moving bass",
        ),
    ),
    (
        1.01,
        "Full and driving, with a strong rhythm and a wide dynamic range",
        (
            "It builds in waves from a tense opening to a bold peak and ends decisively",
            "A short riff drives it forward, breaks once for air, and returns at full force",
        ),
    ),
)
_CAPITALS: Final = {"french horn": "French horn"}


def write_prompt(music: Music, light: str, signature: int) -> str:
    """Return a prompt of 40 to 80 words: genre, moods, tempo, key, instruments, texture and course.

    ``light`` is an English adjective for the picture's light. The prompt does not name things in the picture.
    """
    texture, courses = next((texture, courses) for limit, texture, courses in _COURSES if music.energy < limit)
    first, second, *others = [_CAPITALS.get(name, name) for name in music.instruments[:4]]
    lead = f"{first} and {second} carry the theme" + (f", supported by {' and '.join(others)}" if others else "")
    genre, key = music.genres[0], music.key.replace("b ", " flat ").replace("# ", " sharp ")
    return (
        f"{_article(genre)} {genre} instrumental, {_joined(music.moods[:3])}, at {music.tempo} BPM in {key}. "
        f"{lead[:1].upper()}{lead[1:]}. {texture}. {courses[signature % len(courses)]}. "
        f"Memorable melody in {_article(light).lower()} {light} tone color, natural reverb, polished and balanced mix."
    )


def write_avoid(music: Music) -> str:
    """Return what does not fit the mood."""
    avoid = ["vocals", "lyrics", "noise"]
    if music.energy < 0.35:
        avoid += ["harsh drums", "distortion", "sudden loud hits"]
    elif music.energy > 0.6:
        avoid += ["drones", "long silences"]
    avoid.append(
        "gloomy dissonance" if music.valence > 0.25 else "saccharine cheer" if music.valence < -0.1 else "clutter"
    )
    return ", ".join(avoid)


def _article(word: str) -> str:
    return "An" if word[0] in "aeiou" else "A"


def _joined(words: tuple[str, ...]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
