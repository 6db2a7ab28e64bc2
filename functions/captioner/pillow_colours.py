"""The colours of a decoded picture, and its JPEG."""

import io
from typing import Final

from PIL import Image, ImageCms, ImageStat

# What a profile leaves of the contrast; one that turns every colour into the same is wrong.
_MIN_CONTRAST: Final = 0.1
_JPEG_QUALITY: Final = 88


def opaque(image: Image.Image) -> Image.Image:
    """Return the picture on white, in a mode that resizing can average; the numbers of a palette cannot be averaged."""
    if image.mode.startswith("I"):
        grey = image.point(lambda value: value / 256).convert("L")
        grey.info = image.info
        return opaque(grey)
    if "transparency" in image.info or image.mode.endswith(("A", "a")):
        rgba = image.convert("RGBA")
        white = Image.new("RGB", rgba.size, "white")
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in {"L", "RGB", "CMYK"} else image.convert("RGB")


def srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert to sRGB, because the colour profile is not kept."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except Exception:  # noqa: BLE001  a picture with an odd profile is accepted: its colours may be a little off
            return image.convert("RGB")
        if converted and _contrast(converted) >= _MIN_CONTRAST * _contrast(image):
            return converted
    return image.convert("RGB")


def _contrast(image: Image.Image) -> float:
    return ImageStat.Stat(image.convert("L")).stddev[0]


def jpeg_of(image: Image.Image) -> bytes:
    """Return an RGB picture as a JPEG without metadata."""
    bare = Image.frombytes("RGB", image.size, image.tobytes())
    out = io.BytesIO()
    bare.save(out, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return out.getvalue()
