"""Sentences with slots, in Korean and English; in Korean a slot names the particle that follows: ``{n:을}``.

``n`` is the noun, ``m`` what stands beside it, ``light`` and ``mood`` adjectives, ``colour`` a light, ``c1`` a colour.
"""

from typing import Final

TITLES_KO: Final = {
    "living": (
        "{light} 빛의 {n}",
        "{n:을} 위한 {form}",
        "{n:과} {colour}",
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
        "{n}, {mood} 풍경",
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
        "{colour:을} 위한 {form}",
        "{mood} {form}, {colour}",
        "{colour:이} 번지는 {form}",
        "{colour:으로} 쓴 {form}",
    ),
    "starlight": ("어둠에 흩어진 빛", "먼 빛들의 {form}", "{mood} 어둠, 작은 빛", "까만 밤의 {form}"),
    "page": ("하얀 지면의 {form}", "행간의 {form}", "{mood} 여백", "줄과 줄 사이"),
}
TITLES_EN: Final = {
    "living": (
        "{Bare} in {light} light",
        "{Form} for {n}",
        "{Bare} in {colour}",
        "{Mood} {bare}",
        "{Bare} and {colour} light",
        "{Bare}, {mood}",
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
    "page": ("{Form} on a white page", "Between the lines", "{Mood} margins", "{Form} in black and white"),
}
ROOMS: Final = {
    "living": ("person", "pet", "wild", "bird", "sealife", "reptile", "insect"),
    "nature": ("flower", "plant", "mountain", "water", "country", "rain"),
    "table": ("food", "cafe", "evening"),
    "journey": ("boat", "road", "ride", "train", "flight", "space"),
    "place": ("city", "building", "oldkorea", "solemn", "relic", "stage", "street"),
    "starlight": ("starlight",),
    "page": ("page",),
}
LIGHT_SCENES_KO: Final = {
    "starlight": ("짙은 어둠 속에 작은 빛들이 별처럼 흩어져 있어요.", "까만 배경 위로 크고 작은 빛점이 총총해요."),
    "glow": ("{colour:이} 노을처럼 번져 있어요.", "{light} {colour:이} 화면을 물들이고 있어요."),
    "bluespan": ("{colour:이} 바다나 하늘처럼 넓게 펼쳐져 있어요.", "{light} {colour:이} 화면을 채우고 있어요."),
    "greenery": ("{colour:이} 풀숲처럼 화면 가득 번져 있어요.", "{light} {colour:이} 싱그럽게 펼쳐져 있어요."),
    "darkness": ("깊은 어둠이 화면을 감싸고 있어요.", "어둠 속에 {colour:이} 희미하게 배어 있어요."),
    "greyness": ("{colour:이} 흐린 하늘처럼 낮게 깔려 있어요.", "{light} {colour:이} 무겁게 드리워 있어요."),
    "brightness": ("{light} {colour:이} 화면 가득 비쳐 들어요.", "환한 여백 위로 {colour:이} 옅게 스며 있어요."),
    "grain": ("작은 점들이 모래알처럼 쉴 새 없이 흩날려요.", "{colour:과} {colour2:이} 알갱이처럼 뒤섞여 있어요."),
    "page": ("하얀 바탕에 가는 획이 줄지어 있어요.", "밝은 지면 위로 검은 선들이 촘촘히 이어져요."),
    "plain": ("{colour} 하나가 화면을 고르게 채우고 있어요.", "다른 것 없이 {colour}만 조용히 놓여 있어요."),
    "weave": ("촘촘한 결이 화면 가득 이어져 있어요.", "{colour:과} {colour2:이} 촘촘하게 얽혀 있어요."),
    "palette": (
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
    "brightness": (
        "{A_light} {colour} brightness fills the frame.",
        "{Colour} soaks faintly into a bright, open space.",
    ),
    "grain": ("Tiny grains scatter restlessly, like sand.", "Grains of {colour} and {colour2} are mixed all over."),
    "page": ("Fine strokes stand in lines on a white ground.", "Dark lines run closely over a bright page."),
    "plain": ("A single {colour} fills the frame evenly.", "Nothing but {colour}, quietly."),
    "weave": ("A fine, dense texture runs through the frame.", "{Colour} and {colour2} are densely interwoven."),
    "palette": (
        "{Colour} and {colour2} blend into each other.",
        "{A_light} picture where {colour} and {colour2} overlap.",
    ),
}
SUBJECTS_KO: Final = (
    "{light} 빛 속에 {n:이} 있어요.",
    "{n:이} 먼저 눈에 들어오는 {light} 장면이에요.",
    "{colour} 사이로 {n:이} 보여요.",
    "{light} 화면에 {n:이} 담겨 있어요.",
    "{n:과} {colour:이} 어우러진 장면이에요.",
)
SUBJECTS_EN: Final = (
    "{N} in {light} light.",
    "{A_light} scene that begins with {n}.",
    "{N} among {colour} tones.",
    "{N}, held in a {light} frame.",
    "{N} and {colour} light belong together here.",
)
COLOURS_KO: Final = (
    "{c1:과} {c2:이} 어우러져 {mood} 분위기예요.",
    "{c1} 사이로 {c2:이} 스며들어 {mood} 느낌을 줘요.",
    "{c1:이} 넓게 깔리고 {c2:이} 더해져 {mood} 기분이 들어요.",
    "{c1} 위에 {c2:이} 얹혀 {mood} 여운을 남겨요.",
    "{c1:과} {c2:이} 만나 {mood} 인상을 남겨요.",
)
COLOURS_EN: Final = (
    "{C1} and {c2} come together and feel {mood}.",
    "{C2} seeps through {c1}, for {a_mood} mood.",
    "Wide {c1} with a touch of {c2} feels {mood}.",
    "{C2} upon {c1} leaves {a_mood} impression.",
)
SOUNDS_KO: Final = (
    "{pace} {genre:이} 어울려요.",
    "{pace} {genre:을} 들려주고 싶은 순간이에요.",
    "{pace} {genre:로} 그려 볼 만해요.",
)
SOUNDS_EN: Final = ("{Pace} {genre} suits it.", "It asks for {pace} {genre}.", "{Pace} {genre} would tell it well.")
