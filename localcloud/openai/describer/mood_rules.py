"""The moods of a brief, a fixed vocabulary that the page translates."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Mood:
    """A mood's Korean adnominal form, the Korean stems and English words that ask for it, its valence and energy."""

    korean: str
    words: tuple[str, ...]
    valence: float
    energy: float
    everywhere: bool = True
    """Whether valence and energy alone may select it; the other moods need a theme or a wish."""


MOODS: Final = {
    "calm": Mood("잔잔한", ("잔잔", "차분", "조용", "calm", "quiet", "gentle"), 0.15, 0.15),
    "serene": Mood("고요한", ("고요", "적막", "serene"), 0.1, 0.05),
    "peaceful": Mood("평화로운", ("평화", "편안", "힐링", "peaceful", "relaxing", "relaxed"), 0.45, 0.2),
    "dreamy": Mood("몽환적인", ("몽환", "꿈", "dreamy", "dream"), 0.1, 0.25),
    "tender": Mood("다정한", ("다정", "부드러", "tender", "soft"), 0.35, 0.2),
    "cozy": Mood("포근한", ("포근", "아늑", "cozy", "cosy"), 0.4, 0.25),
    "warm": Mood("따뜻한", ("따뜻", "따스", "warm"), 0.4, 0.35),
    "light": Mood("산뜻한", ("산뜻", "가벼", "light-hearted"), 0.5, 0.4),
    "fresh": Mood("싱그러운", ("싱그", "상쾌", "fresh"), 0.55, 0.4, everywhere=False),
    "romantic": Mood("낭만적인", ("낭만", "로맨틱", "사랑", "romantic", "love"), 0.4, 0.3, everywhere=False),
    "hopeful": Mood("희망찬", ("희망", "hopeful", "hope"), 0.6, 0.5),
    "cheerful": Mood("명랑한", ("명랑", "밝은", "밝고", "행복", "cheerful", "happy", "bright"), 0.75, 0.55),
    "playful": Mood("장난스러운", ("장난", "귀여", "귀엽", "발랄", "playful", "cute"), 0.6, 0.5),
    "lively": Mood("활기찬", ("활기", "경쾌", "lively"), 0.5, 0.7),
    "joyful": Mood("신나는", ("신나", "신난", "즐거", "joyful", "fun"), 0.8, 0.75),
    "energetic": Mood("힘찬", ("힘찬", "강렬", "에너지", "energetic", "powerful"), 0.3, 0.9),
    "adventurous": Mood(
        "설레는", ("설레", "모험", "여행", "adventure", "adventurous", "travel"), 0.4, 0.65, everywhere=False
    ),
    "free": Mood("자유로운", ("자유", "free spirit", "freedom"), 0.35, 0.5, everywhere=False),
    "elegant": Mood("우아한", ("우아", "고급", "elegant"), 0.25, 0.35),
    "urban": Mood("도시적인", ("도시", "세련", "urban", "city"), 0.05, 0.5, everywhere=False),
    "focused": Mood("차분히 집중하는", ("집중", "공부", "focus", "focused", "study"), 0.05, 0.35, everywhere=False),
    "vast": Mood("광활한", ("광활", "웅장", "장엄", "epic", "vast", "grand"), 0.0, 0.4, everywhere=False),
    "mysterious": Mood("신비로운", ("신비", "mysterious", "mystery"), -0.2, 0.3),
    "nostalgic": Mood(
        "그리운", ("그리움", "그리운", "추억", "향수", "nostalgic", "nostalgia"), -0.05, 0.25, everywhere=False
    ),
    "wistful": Mood("아련한", ("아련", "wistful"), -0.15, 0.25),
    "reflective": Mood("사색적인", ("사색", "명상", "reflective", "meditative"), -0.1, 0.15),
    "melancholic": Mood(
        "쓸쓸한", ("쓸쓸", "슬픈", "슬프", "슬픔", "우울", "melancholic", "melancholy", "sad", "gloomy"), -0.6, 0.2
    ),
    "lonely": Mood("외로운", ("외로", "lonely", "alone"), -0.5, 0.1),
    "solemn": Mood("엄숙한", ("엄숙", "경건", "solemn"), -0.25, 0.2, everywhere=False),
    "brooding": Mood("무겁게 가라앉은", ("무거운", "brooding", "heavy"), -0.55, 0.35),
    "restless": Mood("들썩이는", ("restless",), -0.15, 0.7),
    "tense": Mood("긴장감 도는", ("긴장", "무서", "공포", "tense", "scary"), -0.6, 0.65),
    "dark": Mood("어두운", ("어두운", "어둡", "음산", "dark", "sinister"), -0.75, 0.4),
    "curious": Mood("호기심 어린", ("호기심", "curious"), 0.2, 0.5),
    "spirited": Mood("생기 있는", ("생기", "spirited"), 0.25, 0.62),
    "bittersweet": Mood("달콤쌉싸름한", ("달콤쌉싸름", "bittersweet"), -0.08, 0.42),
    "intimate": Mood("나직한", ("나직", "속삭", "intimate"), 0.05, 0.28),
    "stormy": Mood("거세게 몰아치는", ("격렬", "폭풍", "stormy", "fierce"), -0.6, 0.85),
}
