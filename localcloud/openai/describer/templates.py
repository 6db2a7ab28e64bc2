"""Titles and descriptions with slots, in Korean and English.

A template is used only where all its slots have a value. In Korean a slot names the particle that follows: ``{n:을}``.
"""

from typing import Final

# Which titles and openings a theme takes; a named theme that is missing here is a "thing", any other is "light".
ROOMS: Final = {
    "person": ("person",),
    "living": ("pet", "wild", "bird", "sealife", "reptile", "insect"),
    "nature": ("flower", "plant", "mountain", "water", "country"),
    "table": ("food", "cafe"),
    "journey": ("boat", "road", "ride", "train", "flight", "launch"),
    "place": ("city", "building", "oldkorea", "solemn"),
    "starlight": ("starlight",),
    "page": ("page",),
    "plain": ("plain",),
    "grain": ("grain",),
    "weave": ("weave",),
}
TITLES_KO: Final = {
    "person": ("{n:을} 위한 {form}", "{light} 속의 {n}", "{n:과} {colour}", "{n:을} 바라보며"),
    "living": ("{n:을} 위한 {form}", "{n}의 {form}", "{light} 속 {n}", "{n:과} 보내는 시간", "{n:을} 바라보며"),
    "nature": ("{light} 속 {n}", "{n:을} 바라보며", "{n} 앞에서", "{n:과} {colour}", "{n}의 {form}", "{mood} {n}"),
    "table": ("{n:과} 함께 듣는 {form}", "{n} 곁의 {form}", "{light} 속 {n}", "{n:과} 보내는 시간"),
    "journey": ("{n:을} 따라서", "{n:이} 향하는 곳", "{n:을} 위한 {form}", "{light} 속 {n}"),
    "place": ("{n} 앞에서", "{n}의 {form}", "{light} 속 {n}", "{n:이} 있는 풍경"),
    "thing": ("{n:이} 있는 정물", "{n:을} 위한 {form}", "{light} 속 {n}", "{n:을} 바라보며"),
    "light": (
        "{colour} {form}",
        "{colour:과} {colour2}",
        "{mood} {colour}",
        "{colour:이} 번지는 시간",
        "{colour} 속의 {form}",
        "{colour:으로} 쓴 {form}",
    ),
    "starlight": ("어둠 속 작은 빛", "먼 빛들을 위한 {form}", "어둠 속의 {form}", "흩어진 빛들"),
    "weave": ("{colour}의 결", "결을 따라 흐르는 {form}", "촘촘한 {colour}", "결과 결 사이", "가까이 본 {colour}"),
    "page": ("하얀 종이의 {form}", "줄과 줄 사이", "흰 바탕, 검은 선", "{mood} 여백"),
    "plain": ("오직 {colour}", "{colour} {form}", "한 가지 색의 {form}"),
    "grain": ("흩어진 점들", "{colour:과} {colour2} 점들", "점들을 위한 {form}"),
}
TITLES_EN: Final = {
    "person": ("{Form} for {n}", "Portrait in {colour}", "{Bare} in {light}", "A moment with {n}"),
    "living": ("{Form} for {n}", "Portrait of {n}", "{Bare} in {light}", "A moment with {n}", "{Form} with {n}"),
    "nature": (
        "{Bare} in {light}",
        "A view of {n}",
        "{Mood} {bare}",
        "{Single} {form}",
        "{Form} in {colour} and {colour2}",
    ),
    "table": ("{Form} with {n}", "{Bare} in {light}", "Time for {n}", "Still life with {n}", "{Single} {form}"),
    "journey": ("{Form} for {n}", "Following {n}", "{Bare} in {light}", "{Single} {form}"),
    "place": ("{Bare} in {light}", "{Single} {form}", "Looking at {n}", "{Form} in {colour}"),
    "thing": ("Still life with {n}", "{Single} {form}", "{Bare} in {light}", "Looking at {n}"),
    "light": (
        "{Form} in {colour}",
        "{Colour} and {colour2}",
        "{Mood} {colour}",
        "Study in {colour}",
        "{Form} in {colour} and {colour2}",
        "Shades of {colour}",
    ),
    "starlight": ("Lights in the dark", "{Form} for distant lights", "Small lights, far away", "{Form} in the dark"),
    "weave": (
        "Texture in {colour}",
        "Between the threads",
        "{Form} in fine lines",
        "Close up in {colour}",
        "Study in texture",
        "{Colour}, line by line",
    ),
    "page": ("{Form} on a white page", "Between the lines", "Black on white", "In the margins"),
    "plain": ("Only {colour}", "{Form} in one colour", "{Colour}, edge to edge"),
    "grain": ("Scattered dots", "{Colour} and {colour2} static", "{Form} for scattered dots"),
}
# The first sentence about a thing that was recognised.
SUBJECTS_KO: Final = (
    "{light} 속에 {n:이} 보여요.",
    "{glow:이} {n:을} 비추고 있어요.",
    "{n:이} {glow:을} 받고 있어요.",
    "{n:이} 가장 먼저 눈에 들어와요.",
    "{n:을} 담은 사진이에요.",
    "화면 {side}에 {n:이} 보여요.",
    "{n:이} 화면 {large} 자리하고 있어요.",
)
SUBJECTS_EN: Final = (
    "{N} in {light}.",
    "{N}, seen in {light}.",
    "{Glow} falls on {n}.",
    "The first thing you notice is {n}.",
    "A picture of {n}.",
    "{On_the_side} of the picture {is} {n}.",
    "{N} {fills} much of the frame.",
)
COMPANIONS_KO: Final = ("{m}도 함께 보여요.", "{m}도 눈에 띄어요.")
COMPANIONS_EN: Final = ("There {m_is} also {m}.", "{M} {m_is} in the picture too.")
COLOURS_KO: Final = (
    "전체적으로 {c1:과} {c2:이} 많이 보여요.",
    "{c1:이} 많고 {c2:이} 섞여 있어요.",
    "{c1:과} {c2:이} 어우러져 있어요.",
)
COLOURS_EN: Final = (
    "Most of it is {c1}, with some {c2}.",
    "The main colours are {c1} and {c2}.",
    "{C1} and {c2} make up most of it.",
)
# The first sentence where nothing was recognised; what it looks like is a comparison, never a claim.
LIGHT_SCENES_KO: Final = {
    "starlight": (
        "어둠 속에 작은 빛들이 별처럼 흩어져 있어요.",
        "까만 배경에 크고 작은 빛들이 점점이 박혀 있어요.",
    ),
    "glow": ("{colour:이} 노을처럼 번져 있어요.", "부드러운 {colour:이} 화면을 감싸고 있어요."),
    "bluespan": ("{colour:이} 바다나 하늘처럼 넓게 펼쳐져 있어요.", "{colour:이} 화면 끝까지 이어져 있어요."),
    "greenery": ("{colour:이} 풀숲처럼 화면을 채우고 있어요.", "나무 그늘에 들어온 듯 {colour:이} 가득해요."),
    "darkness": ("화면이 거의 다 어두워요.", "어둠 속에 {lively:이} 희미하게 보여요."),
    "greyness": ("흐린 하늘처럼 {colour:이} 낮게 깔려 있어요.", "비가 오기 전 하늘처럼 흐리고 무거워요."),
    "haze": ("안개가 낀 듯 전체가 뿌옇고 흐릿해요.", "{colour:이} 안개처럼 옅게 퍼져 있어요."),
    "brightness": ("화면 전체가 환하게 밝아요.", "화면 전체가 환하고, {lively:이} 옅게 비쳐요."),
    "grain": ("모래알 같은 작은 점들이 화면 가득 흩어져 있어요.", "{colour:과} {colour2} 점들이 뒤섞여 있어요."),
    "page": ("흰 바탕에 가는 선들이 글줄처럼 늘어서 있어요.", "하얀 바탕 위에 검은 선들이 촘촘해요."),
    "plain": ("화면 전체가 {colour} 하나예요.", "{colour}만 화면 가득 펼쳐져 있어요."),
    "weave": (
        "촘촘한 질감이 화면 전체에 이어져 있어요.",
        "무엇인지보다 촘촘한 결이 먼저 보여요.",
        "가는 결이 빈틈없이 화면을 채우고 있어요.",
    ),
    "palette": (
        "뚜렷한 대상 없이 {colour:이} 화면을 채우고 있어요.",
        "{colour:과} {colour2:이} 서로 번지며 섞여 있어요.",
        "{colour:과} {colour2:이} 한 화면에 나란히 있어요.",
    ),
}
LIGHT_SCENES_EN: Final = {
    "starlight": (
        "Small points of light are scattered across the dark like stars.",
        "Tiny lights, some brighter than others, on a black background.",
    ),
    "glow": (
        "{Colour} spreads across the picture like the sky after sunset.",
        "A soft {colour} glow fills the picture.",
    ),
    "bluespan": ("A wide stretch of {colour}, like the sea or the sky.", "{Colour} reaches from edge to edge."),
    "greenery": ("{Colour} all over, like leaves or tall grass.", "{Colour} everywhere, like the shade under trees."),
    "darkness": ("The picture is almost completely dark.", "Mostly darkness, with a trace of {lively}."),
    "greyness": ("{Colour} all over, like an overcast sky.", "Dull and heavy, like the sky before rain."),
    "haze": ("Everything is blurred and pale, as if seen through fog.", "A thin haze of {colour} covers the picture."),
    "brightness": ("Nearly all of the picture is bright.", "A bright, open picture with a hint of {lively}."),
    "grain": (
        "Countless tiny specks, like sand or static.",
        "Specks of {colour} and {colour2}, with no pattern to them.",
    ),
    "page": ("Thin dark lines run in rows across a white background.", "Fine strokes, close together, on white."),
    "plain": ("A single colour, {colour}, from edge to edge.", "Nothing but {colour}."),
    "weave": (
        "A fine, dense texture covers the whole picture.",
        "It is hard to say what this is, but its texture is fine and close.",
        "Nothing but texture, fine and dense.",
    ),
    "palette": (
        "Shades of {colour}, with no clear subject.",
        "{Colour} and {colour2} run into each other.",
        "{Colour} and {colour2} share the picture.",
    ),
}
# The same for the alternative text, which names the colours itself.
ALT_SCENES_KO: Final = {
    "starlight": "어둠 속에 작은 빛들이 별처럼 흩어져 있어요.",
    "glow": "색이 노을처럼 부드럽게 번져 있어요.",
    "bluespan": "바다나 하늘처럼 넓게 펼쳐진 색이 보여요.",
    "greenery": "풀숲 같은 색이 화면을 채우고 있어요.",
    "darkness": "화면이 거의 다 어두워요.",
    "greyness": "흐린 하늘처럼 낮게 깔린 색이 보여요.",
    "haze": "안개가 낀 듯 뿌옇고 흐릿해요.",
    "brightness": "화면 전체가 환해요.",
    "grain": "모래알 같은 작은 점들이 흩어져 있어요.",
    "page": "흰 바탕에 가는 선들이 글줄처럼 늘어서 있어요.",
    "plain": "화면 전체가 한 가지 색이에요.",
    "weave": "촘촘한 질감이 화면 전체에 이어져 있어요.",
    "palette": "뚜렷한 대상 없이 색이 화면을 채우고 있어요.",
}
ALT_SCENES_EN: Final = {
    "starlight": "Small lights scattered across the dark like stars.",
    "glow": "Colour spreading softly, like the sky after sunset.",
    "bluespan": "A wide stretch of colour, like the sea or the sky.",
    "greenery": "Colour all over, like leaves or tall grass.",
    "darkness": "Almost complete darkness.",
    "greyness": "Colour all over, like an overcast sky.",
    "haze": "A blurred, pale picture, as if seen through fog.",
    "brightness": "A picture that is bright almost everywhere.",
    "grain": "Countless tiny specks, like sand or static.",
    "page": "Thin dark lines in rows on a white background.",
    "plain": "A single colour from edge to edge.",
    "weave": "A fine, dense texture all over.",
    "palette": "Areas of colour with no clear subject.",
}
