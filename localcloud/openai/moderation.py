"""Moderation in the local cloud: a short word list for text, fixed low scores for pictures.

It returns the real response format and is no safety system.
A text that contains a word of a category's list scores 0.95 in it, any other text a low baseline.
Pictures are not examined: all get the same low scores.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

_BASELINE: Final = 0.0001
_FOUND: Final = 0.95
_FLAGGED_FROM: Final = 0.5
# The categories that the real model applies to pictures too.
_FOR_IMAGES: Final = frozenset(
    ("self-harm", "self-harm/intent", "self-harm/instructions", "sexual", "violence", "violence/graphic")
)
# A few blunt words; only their beginning has to match, so that Korean endings may follow.
_WORDS: Final = {
    "harassment": ("병신", "꺼져버려", "쓰레기 같은 놈", "you are worthless", "piece of trash"),
    "harassment/threatening": ("가만 안 두겠", "죽여버리겠", "죽여 버리겠", "i will kill you", "i'll kill you"),
    "hate": ("인종 청소", "racial slur", "ethnic cleansing"),
    "hate/threatening": ("다 몰살", "exterminate all"),
    "illicit": ("마약 제조", "how to make meth", "필로폰 제조"),
    "illicit/violent": ("폭탄 만드는", "폭탄 제조", "how to build a bomb", "how to make a bomb"),
    "self-harm": ("자살", "자해", "suicide", "self-harm", "kill myself"),
    "self-harm/intent": ("자살하고 싶", "죽고 싶", "i want to die", "kill myself"),
    "self-harm/instructions": ("자살 방법", "자살하는 방법", "how to kill myself"),
    "sexual": ("포르노", "야동", "음란", "porn", "explicit sex"),
    "sexual/minors": ("아동 포르노", "아동 음란", "child porn"),
    "violence": ("살인", "죽여버리", "죽여 버리", "학살", "murder", "massacre", "i will kill you", "i'll kill you"),
    "violence/graphic": ("토막 살인", "내장이 쏟아", "dismember", "gore"),
}
_PATTERNS: Final = {
    category: re.compile("|".join(rf"(?<![\w]){re.escape(word)}" for word in words), re.IGNORECASE)
    for category, words in _WORDS.items()
}


def moderate(texts: Iterable[str], pictures: int) -> dict[str, Any]:
    """Return one result of ``POST /v1/moderations`` for these texts and this number of pictures."""
    joined = "\n".join(texts)
    scores = {name: _FOUND if pattern.search(joined) else _BASELINE for name, pattern in _PATTERNS.items()}
    flags = {name: score >= _FLAGGED_FROM for name, score in scores.items()}
    applied = {
        name: [*(["text"] if joined else []), *(["image"] if pictures and name in _FOR_IMAGES else [])]
        for name in scores
    }
    return {
        "flagged": any(flags.values()),
        "categories": flags,
        "category_scores": scores,
        "category_applied_input_types": applied,
    }
