"""Melody rhythms that several genres share, one bar each, in the notation of ``styles``."""

from typing import Final

EVEN: Final = (
    "x.......", "x...x...", "x.....x.", "x..x....", "x...x.x.", "x.x.x...", "x..xx...", "x..x..x.", "x.x.x.x.",
    "x..xx.x.", "x.xxx...", "x...x.xx", "x.xxx.x.", "x.x.xxx.", "xxx.x.x.", "xxxxx.x.", "x.xxx.xx", "xxxxxxx.",
    "x.x.xxx.x.x.x...", "x.xxx.x.x.x.x.x.", "x.xxx.x.x.xxx.x.", "xxx.x.x.xxx.x.x.",
)  # fmt: skip
SYNCOPATED: Final = (
    "x...x...", "x..x....", "x..x..x.", "x..x.x..", "_.x.x.x.", "x.xx.x..", "x..xx.x.", "x..x.xx.", "_xx.x.x.",
    "xx.xx.x.",
    "xxx.xx..", "x.xx.xx.", "xxxx.xx.", "x..x..x...x.x...", "x..x.x..x..x.x..", "x.xx.x.xx..x.x..", "x.xx.xx.x.xx.xx.",
)  # fmt: skip
EVEN_ENDS: Final = ("x.......", "x...x...", "x.x.x...", "x..xx...")
