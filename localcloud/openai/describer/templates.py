"""Sentences with slots, in Korean and English; in Korean a slot names the particle that follows: ``{n:을}``.

``n`` is the noun, ``m`` what stands beside it, ``light`` and ``mood`` adjectives, ``colour`` a light, ``c1`` a colour.
"""

from typing import Final

TITLES_KO: Final = {
    "living": (
        "{light} 빛의 {n}",
        "{n:을} 위한 {form}",
        "{n}의 {form}",
        "{colour} 속의 {n}",
        "{n:이} 있는 자리",
        "{mood} {n}",
        "{n}, {colour} 아래서",
        "{colour:으로} 그린 {n}",
    ),
    "nature": (
        "{light} 빛의 {n}",
        "{n}에 부치는 {form}",
        "{colour:이} 머무는 {n}",
        "{n}의 숨결",
        "{n}, {mood} 한때",
        "{n:과} {colour}",
        "{colour:으로} 부르는 {form}",
        "{mood} {n}",
        "{n} 곁에서",
    ),
    "table": (
        "{light} 빛의 {n}",
        "{n} 곁의 {form}",
        "{n:과} {colour}",
        "{n} 앞의 {mood} 시간",
        "{n:을} 닮은 {form}",
        "{mood} {n}",
        "{colour:이} 감도는 {n}",
        "{n}의 {form}",
        "{n:과} 함께하는 {form}",
    ),
    "journey": (
        "{n:을} 따라서",
        "{light} 빛의 {n}",
        "{n:과} {colour}의 길",
        "{mood} {n}",
        "{n:을} 위한 {form}",
        "{colour} 너머 {n}",
        "{n}의 {form}",
        "{colour} 속으로",
        "{n:이} 향하는 곳",
    ),
    "place": (
        "{light} 빛의 {n}",
        "{n}의 {form}",
        "{colour:이} 내린 {n}",
        "{n}, {mood} 한때",
        "{n} 앞에서",
        "{mood} {n}",
        "{n:과} {colour}",
        "{n}에 깃든 {form}",
        "{colour} 아래 {n}",
    ),
    "thing": (
        "{light} 빛의 {n}",
        "{n:을} 위한 {form}",
        "{n:과} {colour}",
        "{n}의 기억",
        "{mood} {n}",
        "{colour} 속의 {n}",
        "{n}의 {form}",
        "{colour:으로} 그린 {n}",
    ),
    "light": (
        "{light} {colour}",
        "{colour}에 물든 {form}",
        "{mood} {colour}",
        "{colour:과} {colour2}",
        "{n}, {mood} {form}",
        "{colour:이} 깃든 {form}",
        "{mood} {form}, {colour}",
        "{colour:이} 번지는 {form}",
        "{colour:으로} 쓴 {form}",
    ),
    "starlight": ("어둠에 흩어진 빛", "먼 빛들의 {form}", "{mood} 어둠, 작은 빛", "까만 밤의 {form}"),
    "weave": (
        "{colour}의 결",
        "결과 결 사이",
        "{mood} 결",
        "촘촘한 {colour}, {form}",
        "{colour:으로} 짠 {form}",
        "결을 따라 흐르는 {form}",
        "결이 모인 자리, {mood} {form}",
    ),
    "page": ("하얀 지면의 {form}", "행간의 {form}", "{mood} 여백", "줄과 줄 사이"),
}
TITLES_EN: Final = {
    "living": (
        "{Bare} in {light} light",
        "{Form} for {n}",
        "{Bare} in {colour}",
        "{Mood} {bare}",
        "{Bare} and {colour} light",
        "{Form} with {n}",
    ),
    "nature": (
        "{Light} {bare}",
        "{Form} of the {bare}",
        "{Colour} {bare}",
        "{Mood} {bare}",
        "The {bare}, {mood}",
        "{Bare} in {light} light",
        "{Form} in {colour}",
    ),
    "table": ("{Light} {bare}", "{Bare} and {colour} light", "{Form} over {n}", "{Mood} {bare}", "{Form} in {colour}"),
    "journey": ("{Form} for {n}", "{Light} {bare}", "Beyond {colour}, {n}", "{Mood} {bare}", "Following {n}"),
    "place": ("{Light} {bare}", "{Form} of the {bare}", "{Mood} {bare}", "Before {n}", "{Bare} in {colour}"),
    "thing": (
        "{Light} {bare}",
        "{Form} for {n}",
        "{Bare} in {colour}",
        "{Mood} {bare}",
        "What {n} remembers",
        "{Bare} in {light} light",
    ),
    "light": (
        "{Light} {colour}",
        "{Form} in {colour}",
        "{Mood} {colour}",
        "{Colour} and {colour2}",
        "{Colour} {form}",
        "{Mood} {form} in {colour}",
    ),
    "starlight": ("Lights in the Dark", "{Form} for distant lights", "{Mood} dark, small lights", "{Form} in black"),
    "weave": (
        "{Colour} weave",
        "Between the strands",
        "{Mood} threads",
        "{Form} woven in {colour}",
        "{Form} along the grain",
        "{Mood} texture in {colour}",
    ),
    "page": ("{Form} on a white page", "Between the lines", "{Mood} margins", "{Form} in black and white"),
}
ROOMS: Final = {
    "living": ("person", "pet", "wild", "bird", "sealife", "reptile", "insect"),
    "nature": ("flower", "plant", "mountain", "water", "country", "rain", "storm"),
    "table": ("food", "cafe", "evening"),
    "journey": ("boat", "road", "ride", "train", "flight", "space", "launch"),
    "place": ("city", "building", "oldkorea", "solemn", "relic", "stage", "street"),
    "starlight": ("starlight",),
    "page": ("page",),
    "weave": ("weave",),
}
LIGHT_SCENES_KO: Final = {
    "starlight": ("짙은 어둠 속에 작은 빛들이 별처럼 흩어져 있어요.", "까만 배경 위로 크고 작은 빛점이 총총해요."),
    "glow": ("{colour:이} 노을처럼 번져 있어요.", "{light} {colour:이} 화면을 물들이고 있어요."),
    "bluespan": ("{colour:이} 바다나 하늘처럼 넓게 펼쳐져 있어요.", "{light} {colour:이} 화면을 채우고 있어요."),
    "greenery": ("{colour:이} 풀숲처럼 화면 가득 번져 있어요.", "{light} {colour:이} 싱그럽게 펼쳐져 있어요."),
    "darkness": ("깊은 어둠이 화면을 감싸고 있어요.", "어둠 속에 {colour:이} 희미하게 배어 있어요."),
    "greyness": ("{colour:이} 흐린 하늘처럼 낮게 깔려 있어요.", "{light} {colour:이} 무겁게 드리워 있어요."),
    "haze": ("{colour:이} 안개처럼 뿌옇게 번져 있어요.", "경계가 흐릿한 {colour:이} 옅게 깔려 있어요."),
    "brightness": ("{light} {colour:이} 화면 가득 비쳐 들어요.", "환한 여백 위로 {colour:이} 옅게 스며 있어요."),
    "grain": ("작은 점들이 모래알처럼 쉴 새 없이 흩날려요.", "{colour:과} {colour2:이} 알갱이처럼 뒤섞여 있어요."),
    "page": ("하얀 바탕에 가는 획이 줄지어 있어요.", "밝은 지면 위로 검은 선들이 촘촘히 이어져요."),
    "plain": ("{colour} 하나가 화면을 고르게 채우고 있어요.", "다른 것 없이 {colour}만 조용히 놓여 있어요."),
    "weave": ("촘촘한 결이 화면 가득 이어져 있어요.", "{colour:과} {colour2:이} 촘촘하게 얽혀 있어요."),
    "palette": (
        "{light} {colour:이} 부드럽게 번져 있어요.",
        "{colour:과} {colour2:이} 서로 번지며 어우러져 있어요.",
        "{light} 화면에 {colour:과} {colour2:이} 겹쳐 있어요.",
    ),
}
LIGHT_SCENES_EN: Final = {
    "starlight": (
        "Small lights are scattered like stars through deep darkness.",
        "Points of light, large and small, on black.",
    ),
    "glow": ("{Colour} spreads like an afterglow.", "{A_light} {colour} glow fills the frame."),
    "bluespan": ("{Colour} opens wide, like sea or sky.", "{A_light} {colour} fills the frame."),
    "greenery": ("{Colour} fills the frame like tall grass.", "{A_light} {colour} spreads freshly all over."),
    "darkness": ("Deep darkness wraps the picture.", "A trace of {colour} seeps through the dark."),
    "greyness": ("{Colour} hangs low like an overcast sky.", "{A_light} {colour} weighs on the picture."),
    "haze": ("{Colour} spreads softly, like fog.", "A blurred veil of {colour} lies over everything."),
    "brightness": (
        "{A_light} {colour} brightness fills the frame.",
        "{Colour} soaks faintly into a bright, open space.",
    ),
    "grain": ("Tiny grains scatter restlessly, like sand.", "Grains of {colour} and {colour2} are mixed all over."),
    "page": ("Fine strokes stand in lines on a white ground.", "Dark lines run closely over a bright page."),
    "plain": ("A single {colour} fills the frame evenly.", "Nothing but {colour}, quietly."),
    "weave": ("A fine, dense texture runs through the frame.", "{Colour} and {colour2} are densely interwoven."),
    "palette": (
        "{A_light} {colour} spreads gently.",
        "{Colour} and {colour2} blend into each other.",
        "{A_light} picture where {colour} and {colour2} overlap.",
    ),
}
SUBJECTS_KO: Final = (
    "{light} 빛 속에 {n:이} 있어요.",
    "{n:이} 먼저 눈에 들어오는 {light} 장면이에요.",
    "{light} 빛을 머금은 {n:이} 보여요.",
    "{light} 화면에 {n:이} 담겨 있어요.",
    "{colour:이} 눈에 띄는 장면 속에 {n:이} 있어요.",
    "{n:이} 있는 화면에 {colour:이} 번져요.",
    "{n:과} {colour:이} 어우러진 장면이에요.",
)
SUBJECTS_EN: Final = (
    "{N} in {light} light.",
    "{A_light} scene that begins with {n}.",
    "{A_light} picture of {n}.",
    "{N} and {colour} tones share the frame.",
    "A scene of {n} where {colour} stands out.",
)
# What it feels like and what suits it, said with two colours or without any.
COLOURS_KO: Final = (
    "{c1:과} {c2:이} 어우러진 {mood} 분위기에 {pace} {genre:이} 어울려요.",
    "{c1} 사이로 {c2:이} 비치는 {mood} 순간, {pace} {genre:을} 들려주고 싶어요.",
    "{c1} 위에 {c2:이} 얹혀 {mood} 느낌이에요. {pace} {genre:로} 그려 볼 만해요.",
    "{c1:이} 넓게 펼쳐지고 {c2:이} 스며들어, {pace} {genre:이} {mood} 여운을 남겨요.",
)
COLOURS_EN: Final = (
    "{C1} and {c2} feel {mood} together, and {pace} {genre} suits them.",
    "{C2} upon {c1} leaves {a_mood} impression that asks for {pace} {genre}.",
    "Wide {c1} with a touch of {c2}: {a_mood} mood for {pace} {genre}.",
)
SOUNDS_KO: Final = (
    "{mood} 느낌에는 {pace} {genre:이} 잘 어울려요.",
    "{mood} 날에 {pace} {genre:을} 듣고 싶어져요.",
    "{pace} {genre:이} {mood} 여운을 더해 줘요.",
    "{mood} 분위기를 {pace} {genre:로} 그려 볼 만해요.",
)
SOUNDS_EN: Final = (
    "It feels {mood}, and {pace} {genre} would tell it well.",
    "{A_mood} mood that asks for {pace} {genre}.",
    "{Pace} {genre} carries its {mood} mood.",
)
