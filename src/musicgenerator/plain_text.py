"""Turn untrusted text, by people or models, into plain text before it is stored or shown."""

import re
import unicodedata
from typing import Final

# Endings of hosts, in any case, as a part of a verbose pattern. Words that often begin a sentence, and surnames, are
# not among them, because people forget the space in "the sea.It is calm".
_ENDINGS: Final = """
    com| net| org| edu| gov| int| info| biz| pro| mobi| asia| xxx| onion| example| test| invalid| localhost| coop|
    aero| museum| travel| jobs| tel| io| ai| co| kr| me| tv| cc| ly| gg| gl| ru| cn| jp| de| uk| fr| eu| ca| nl| es|
    ch| pl| br| au| nz| hk| tw| sg| vn| tk| ml| ga| cf| gq| ws| su| ua| tr| mx| pt| dk| cz| gr| za| cl| sk| hr| rs|
    lv| ee| bz| vc| sx| pw| mn| ir| pk| ke| kz| bg| ph| app| dev| xyz| top| site| online| shop| store| club| live|
    icu| vip| bid| loan| zip| link| click| blog| cloud| tech| website| casino| porn| adult| cam| mov| cyou| monster|
    sbs| cfd| lol| wtf| ninja| guru| wiki| homes| host| hosting| email| market| marketing| agency|
    photography| photo| photos| gallery| graphics| pictures| pics| productions| community| network| digital|
    international| foundation| institute| academy| university| college| education| training| courses| technology|
    technologies| systems| solutions| software| services| support| consulting| management| ventures| capital|
    finance| financial| fund| credit| creditcard| insurance| mortgage| tax| trading| bet| poker| lotto| sex| sexy|
    engineer| engineering| equipment| industries| enterprises| holdings| properties| property| realestate| estate|
    apartments| construction| contractors| architect| builders| plumbing| furniture| lighting| boutique| clothing|
    fashion| jewelry| jewellery| shoes| restaurant| catering| recipes| kitchen| pub| tours| vacations|
    cruises| hotel| hotels| rentals| villas| limo| auto| autos| motorcycles| yachts| dentist| dental| clinic|
    healthcare| pharmacy| surgery| vet| diet| soccer| basketball| rugby| lawyer| attorney| legal| associates|
    partners| company| business| gmbh| ltd| llc| inc| limited| supply| supplies| wholesale| discount| bargains|
    deals| coupons| promo| sale| auction| gaming| nyc| directory| express| delivery| download| downloads| reviews|
    review| tickets| republican| democrat| vote| voting| dating| exposed| accountant| accountants| cricket| webcam|
    trade| google| youtube| amazon| apple| microsoft| samsung| hyundai| kia|
    한국| 닷컴| 닷넷| 삼성| рф| 中国| 中國| 公司| 网络| コム| みんな
"""
# Endings that often begin a sentence, or are names: the word is a host if all of it is in capitals.
_WORDS: Final = """
    it| is| in| to| so| no| my| as| at| be| by| us| am| do| id| pm| sh| si| se| fi| fm| la| ms| th| im| music| art|
    arts| design| dance| life| love| world| space| today| now| here| new| one| how| you| like| fun| cool| best|
    beauty| baby| boo| black| blue| green| red| pink| gold| rich| safe| secure| social| works| work| zone| style|
    land| house| garden| farm| city| town| country| place| center| ski| surf| fish| dog| cat| bar| cafe| fit| run|
    moe| day| days| earth| eco| energy| solar| star| kids| family| forum| fans| group| direct| help| tips| tools|
    build| codes| data| domains| team| watch| win| eat| foo| food| forsale| fyi| gay| hair| haus| ink| lat| makeup|
    navy| army| author| book| boats| case| channel| rest| rip| pet| plus| quest| salon| school| skin| soy| study|
    ie| hu| ro| il| ae| lt| nu| ng| chat| video| movie| film| studio| audio| band| theater| money| cash| bank|
    bingo| coffee| pizza| beer| wine| flights| cars| bike| doctor| hospital| health| care| fitness| yoga| sport|
    sports| football| golf| tennis| hockey| racing| horse| gift| gifts| toys| games| game| play| bayern| berlin|
    hamburg| koeln| london| paris| amsterdam| tokyo| osaka| kyoto| nagoya| seoul| taipei| moscow| sydney| melbourne|
    istanbul| vegas| miami| boston| swiss| quebec| wales| scot| irish| africa| arab| report| press| news| media|
    show| church| faith| bible| islam| singles| wedding| camp| guide| expert| date| party| rodeo| science| men|
    page| holiday| bond| stream
"""
# Full stops of other scripts, which browsers read as dots.
_DOTS: Final = re.compile("[\u3002\uff0e\uff61]")
# Matched against one word at a time: a scheme, a mail address, a bare host with a usual ending or a path or port, or an
# internationalized one. Two lower-case words with only a dot between them are a host with any ending, because endings
# are too many for a list; capitals begin a sentence more often than an ending, so those of a list decide.
_ADDRESS: Final = re.compile(
    r"""(?ix)
    :// | (?<![a-z])(?:javascript|vbscript|data|file|mailto|tel|sms|intent):\S | (?<![a-z])www\d?\.
    | [^@\s]@[^@\s]+\.\w | \w\.[^\W\d_]{2,24}(?:/|:\d) | \d(?:\.\d{1,3}){3} | \[[0-9a-f:]+\] | (?<![a-z])xn--
    | (?-i:(?<![\w.-])(?!(?:feat|ft|prod|vol|ver|no|op|vs|etc|mrs?|ms|dr|st|mt)\.)
      (?:[a-z]|[a-z0-9][a-z0-9-]+)\.[a-z]{2,24}(?![A-Za-z0-9_]))
    | \w\.(?:"""
    + _ENDINGS
    + r""")(?![a-z0-9_])
    | (?-i:(?<![\w.-])(?!(?:FEAT|FT|PROD|VOL|VER|NO|OP|VS|ETC|MRS?|MS|DR|ST|MT)\.)[A-Z0-9][A-Z0-9-]+\.(?:"""
    + _WORDS.upper()
    + r""")(?![A-Za-z0-9_]))
    """
)
_MAX_READ: Final = 5_000
_AFTER_LATIN: Final = "\u0250"
_MARKUP: Final = re.compile(r"<[^<>]{0,200}>|[<>`{}\\]|\]\(|!\[")
# Letters, marks, numbers, punctuation and symbols are kept; controls and direction marks are not.
_KEPT: Final = frozenset("LMNPS")
# These are letters, marks or symbols by category but show nothing: fillers, blanks, variation selectors.
_UNSEEN: Final = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\U000e0100-\U000e01ef]")


def plain(text: str, length: int) -> str:
    """Return the text on one line, without addresses, markup and invisible characters.

    The result has at most ``length`` characters; a cut is marked by an ellipsis within them.
    Plain text is returned unchanged.
    """
    text = "".join(char if unicodedata.category(char)[0] in _KEPT else _gap(char) for char in text[:_MAX_READ])
    text = _without_addresses(unicodedata.normalize("NFC", _UNSEEN.sub("", text)))
    # Remove addresses again after each change: markup may have hidden one, and the cut may create one.
    text = _without_addresses(_MARKUP.sub(" ", text))
    return text if len(text) <= length else _without_addresses(text[: length - 1].rstrip() + "…")


def is_unicode(text: str) -> bool:
    """Say whether a text can be encoded: JSON can contain lone surrogates, which cannot."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def is_english(text: str) -> bool:
    """Say whether nine of ten letters are basic Latin and the others accented Latin.

    This distinguishes US English from Korean, though not from French. Lyria 2 refuses texts in other alphabets.
    """
    letters = [char for char in text if char.isalpha()]
    basic = sum(char.isascii() for char in letters)
    return bool(letters) and basic >= 0.9 * len(letters) and all(char < _AFTER_LATIN for char in letters)


def _without_addresses(text: str) -> str:
    return " ".join(word for word in text.split() if not _is_address(word))


def _is_address(word: str) -> bool:
    # Check the word as written, and as software that applies compatibility normalization reads it.
    forms = (word, unicodedata.normalize("NFKC", word))
    return any(_ADDRESS.search(_DOTS.sub(".", form)) for form in forms)


def _gap(char: str) -> str:
    # A control or separator splits words; an invisible format character does not.
    return "" if unicodedata.category(char) == "Cf" else " "
