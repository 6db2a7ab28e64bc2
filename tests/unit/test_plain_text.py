import re
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from musicgenerator.plain_text import is_english, is_unicode, plain

FULL_WIDTH = "".join(chr(ord(char) + 0xFEE0) for char in "evil.com")
PIECES = st.sampled_from(
    [
        "바다",
        "The sea.",
        " ",
        "\n",
        "https://evil.example/x",
        "www.",
        "evil.com",
        "evil.co",
        ".kr",
        "/",
        ":",
        "javascript:",
        "a@b.c",
        "<b>",
        "</",
        ">",
        "![",
        "](",
        "`",
        "{}",
        "\\",
        "\x00",
        "\x1b[31m",
        "\u200b",
        "\u202e",
        "\u2066",
        "\ufeff",
        "\u3164",
        "\U000e0041",
        "e",
        "\u0301",
        "ᄀ",
        "ᅡ",
        "ﷺ",
        FULL_WIDTH,
        "…",
        "😀",
        "\ufe0f",
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=6), max_size=14).map("".join)
LENGTHS = st.integers(1, 80)
ADDRESSES = {
    "http": "http://evil.example",
    "https in capitals": "HTTPS://EVIL.EXAMPLE/X?y=z#w",
    "another scheme": "gopher://evil.example",
    "www": "www.evil.example",
    "www after Korean": "여기(www.evil.example)",
    "a bare host": "evil.com",
    "a bare host and a full stop": "evil.com.",
    "a Korean host": "evil.co.kr/event",
    "a bare Korean host": "evil.co.kr",
    "a host with Korean behind it": "evil.com에서",
    "a Korean ending": "악마.한국",
    "a Korean name": "악마.kr",
    "a Chinese ending": "evil.中国",
    "an encoded host": "xn--9p4b.xn--3e0b707e",
    "a host in capitals": "EVIL.COM",
    "a host of capital words": "Evil.Shop",
    "an uncommon host": "evil.museum",
    "a long ending": "evil.photography",
    "a long ending in capitals": "EVIL.PHOTOGRAPHY",
    "a long ending of a capital word": "Evil.Museum",
    "an unlisted long ending": "evil.northwesternmutual",
    "a host of one letter": "x.travel",
    "a host of one letter and an unlisted ending": "x.ltda",
    "a host of one capital": "X.Travel",
    "a Korean name and a long ending": "악마.Photography",
    "a country in capitals": "EVIL.IT",
    "a word in capitals": "EVIL.MUSIC",
    "a long ending before Korean": "Evil.Community에서",
    "a reserved host": "evil.example",
    "a host with a port": "evil:8080/x.museum:8080",
    "a host in brackets": "(evil.net)",
    "www with a number": "www2.evil",
    "an ideographic full stop": "evil。com",
    "an IPv6 host": "[2001:db8::1]",
    "an uncommon host with a path": "evil.museum/ticket",
    "a numbered host": "203.0.113.7:8080",
    "full-width letters": FULL_WIDTH,
    "a script": "javascript:alert(1)",
    "a script in brackets": "보기(javascript:alert(1))",
    "data": "data:text/html;base64,PHNjcmlwdD4=",
    "mail": "mailto:x@evil.example",
    "a mail address": "x@evil.example",
    "a telephone": "tel:+8210",
    "a Markdown link": "[보기](https://evil.example)",
    "a Markdown link to a script": "[보기](javascript:alert(1))",
    "a Markdown image": "![x](https://evil.example/p.png)",
    "after a tag": "<b>www.evil.example</b>",
    "after a backquote": "a`www.evil",
    "split by a tag": "https<b></b>://evil.example",
    "split by a zero-width space": "https:\u200b//evil.example",
    "split by a hidden letter": "evil\u3164.com",
    "split by a soft hyphen": "ev\u00adil.com",
}
HARMLESS = [
    "푸른 물결",
    "해 질 무렵의 바다가 잔잔하게 일렁여요. 하루를 내려놓는 듯한 평온함이 느껴져요.",
    "Calm ambient piece, 72 BPM, in D major; strings/harp (soft) — 3:4 & 50 % slower…",
    'She said: "no drums", and/or low-fi?',
    "비 오는 날 ☔️ 😀",
    "Café, naïve, Škoda",
    "metadata: none",
    "Mr.Kim and Dr. Lee at 3.5 km, 10:30 a.m.",
    "J.S.Bach, Op.27 No.2 in C# minor",
    "The sea.It is calm.The wind rests.",
    "파도.바람.별",
    "Vol.2 (feat.kim) vs.the sea, e.g. waves... and more",
    "U.S.A. 2026.11.28 v1.2",
    "Mr.Kim, mr.kim, MR.KIM and Dr.Ng hear vol.2 of lo-fi, A.I. and U.S.A. at 3.5",
    "Calm.Then loud.Music for rain.Love by B.Holiday and I.Berlin",
    "A piano.Film strings.Studio drums.Paris at night.",
    "e.g. a.k.a. i.e. p.s. 1.intro 2.outro",
    "CALM.THEN LOUD",
]


@settings(max_examples=300)
@given(text=TEXTS, length=LENGTHS)
@example(text="Evil.Comfortable", length=9)
@example(text="see www.Evil.Comfortable", length=9)
@example(text="the data: sea", length=10)
@example(text="e\u200b\u0301", length=5)
@example(text="a`www.evil", length=80)
def test_plain_text_is_never_longer_and_stays_as_it_is(text: str, length: int) -> None:
    """The result is within the length, and applying the function again changes nothing."""
    made = plain(text, length)
    assert len(made) <= length
    assert plain(made, length) == made


@settings(max_examples=300)
@given(text=TEXTS, length=LENGTHS)
def test_plain_text_is_one_line_of_visible_characters(text: str, length: int) -> None:
    """No control, format, direction or private character, no lone surrogate and no blank but the plain space."""
    made = plain(text, length)
    assert {unicodedata.category(char)[0] for char in made} <= set("LMNPSZ")
    assert {char for char in made if char.isspace()} <= {" "}
    assert made.strip() == made
    assert "  " not in made
    assert is_unicode(made)
    assert unicodedata.is_normalized("NFC", made)
    assert not any(mark in made for mark in ("<", ">", "`", "{", "}", "\\", "](", "![", "\u3164", "\u202e"))


@settings(max_examples=300)
@given(before=TEXTS, address=st.sampled_from(sorted(ADDRESSES.values())), after=TEXTS, length=LENGTHS)
def test_no_address_survives_among_others(before: str, address: str, after: str, length: int) -> None:
    """For any text around it and any cut."""
    made = plain(f"{before} {address} {after}", length).lower()
    assert "://" not in made
    assert not re.search(r"(?<![a-z])(www\.|javascript:[a-z])|\w\.com($|\W*[ …])", made)


@pytest.mark.parametrize("address", [pytest.param(address, id=name) for name, address in ADDRESSES.items()])
def test_an_address_is_left_out(address: str) -> None:
    """The words around it are kept."""
    assert plain(f"바다 {address} 노을", 80) == "바다 노을"


@pytest.mark.parametrize("text", HARMLESS)
def test_plain_text_is_left_alone(text: str) -> None:
    """What a describer really writes passes unchanged."""
    assert plain(text, 400) == text


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("푸른 물결", " 푸른\r\n\t물결\x00"),
        ("푸른 물결", "\u202e푸른\u200b \u2066물결\ufeff"),
        ("푸른 물결", "<h1>푸른</h1><br/>물결"),
        ("alert(1) 바다", "<script>alert(1)</script>바다<img src=x onerror=alert(1)>"),
        ("1 2", "1 < 2"),
        ("é", "e\u0301"),
        ("", ""),
        ("", " \n\u200b\u3164"),
        ("", "https://evil.example"),
    ],
)
def test_markup_and_invisible_characters_are_removed(expected: str, text: str) -> None:
    """Lines are joined; tags and invisible characters are removed."""
    assert plain(text, 80) == expected


def test_a_cut_text_ends_with_an_ellipsis_within_the_length() -> None:
    """The ellipsis counts, and no blank precedes it."""
    assert plain("바다와 하늘", 11) == "바다와 하늘"
    assert plain("바다와 하늘", 5) == "바다와…"
    assert plain("바다와 하늘", 4) == "바다와…"
    assert plain("가" * 10_000, 80) == "가" * 79 + "…"


def test_a_cut_word_that_looks_like_an_address_is_left_out() -> None:
    """The start of a harmless long word may look like an address."""
    assert plain("바다 Evil.Comfortable", 12) == "바다"
    assert plain("바다 Evil.Comfortable", 80) == "바다 Evil.Comfortable"


@pytest.mark.parametrize(
    "text",
    ["<" * 100_000, "a." * 50_000, "@" * 100_000, "![" * 50_000, "x@" * 50_000, "\u0301" * 100_000, "ﷺ" * 100_000],
    ids=ascii,
)
def test_hostile_text_is_read_only_to_a_bound(text: str) -> None:
    """Text after the first few thousand characters is ignored, so that no text takes long."""
    assert plain(text[:5_000] + "바다" * 10_000, 400) == plain(text, 400)


@given(text=st.text())
def test_any_text_is_checked_for_english_without_an_error(text: str) -> None:
    """Any text is English or not English, and can be encoded or not."""
    assert is_english(text) in {True, False}
    assert is_unicode(text)


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (True, "Calm ambient piece, 72 BPM, in D major."),
        (True, "A café at dusk, with naïve strings"),
        (False, "Music like 바다, slow strings, warm pad, harp"),
        (False, "잔잔한 바다"),
        (False, "calm 잔잔한 바다"),
        (False, "Спокойная музыка"),
        (False, "静かな海"),
        (False, ""),
        (False, "72 / 100 …"),
    ],
)
def test_english_is_recognized_by_its_letters(expected: bool, text: str) -> None:
    """A few accents are accepted; a word in another alphabet is not, since Lyria 2 refuses it."""
    assert expected is is_english(text)


@pytest.mark.parametrize(("expected", "text"), [(True, "바다 😀"), (False, "\ud83c"), (False, "a\udfffb"), (True, "")])
def test_a_lone_surrogate_is_no_unicode(expected: bool, text: str) -> None:
    """JSON can contain a lone surrogate, and nothing can encode it."""
    assert expected is is_unicode(text)
