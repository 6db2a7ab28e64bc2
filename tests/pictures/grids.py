"""HEIFs made of tiles, as phones write them; no encoder here writes one."""

import io
import struct

from PIL import Image
from pillow_heif import from_pillow

TILE = 64


def heif_grid(image: Image.Image, columns: int, rows: int) -> bytes:
    """Return the picture as a HEIF of square tiles, the last tile at the end of the file."""
    tiles: list[bytes] = []
    settings = b""
    for number in range(columns * rows):
        left, top = TILE * (number % columns), TILE * (number // columns)
        out = io.BytesIO()
        from_pillow(image.crop((left, top, left + TILE, top + TILE))).save(out, quality=80)
        data = out.getvalue()
        tiles.append(_content(data, b"mdat"))
        settings = _box(b"hvcC", _content(data, b"hvcC"))
    grid = len(tiles) + 1
    size = struct.pack(">II", *image.size)
    layout = bytes([0, 0, rows - 1, columns - 1]) + struct.pack(">HH", *image.size)
    numbers = range(1, grid)
    items = [_full(b"infe", struct.pack(">HH4sx", number, 0, b"hvc1"), 2, 1) for number in numbers]
    items.append(_full(b"infe", struct.pack(">HH4sx", grid, 0, b"grid"), 2))
    parts = struct.pack(f">HH{len(tiles)}H", grid, len(tiles), *numbers)
    properties = settings + _full(b"ispe", struct.pack(">II", TILE, TILE)) + _full(b"ispe", size)
    used = b"".join(struct.pack(">HBBB", number, 2, 0x81, 2) for number in numbers) + struct.pack(">HBB", grid, 1, 3)
    head = _box(b"ftyp", b"heic\0\0\0\0mif1heic")

    def meta(place: int) -> bytes:
        places = b""
        for number, tile in enumerate(tiles, 1):
            places += struct.pack(">HHHHII", number, 0, 0, 1, place, len(tile))
            place += len(tile)
        places += struct.pack(">HHHHII", grid, 1, 0, 1, 0, len(layout))
        boxes = [
            _full(b"hdlr", bytes(4) + b"pict" + bytes(13)),
            _full(b"pitm", struct.pack(">H", grid)),
            _full(b"iloc", b"\x44\0" + struct.pack(">H", grid) + places, 1),
            _full(b"iinf", struct.pack(">H", grid) + b"".join(items)),
            _full(b"iref", _box(b"dimg", parts)),
            _box(b"iprp", _box(b"ipco", properties) + _full(b"ipma", struct.pack(">I", grid) + used)),
            _box(b"idat", layout),
        ]
        return _full(b"meta", b"".join(boxes))

    return head + meta(len(head) + len(meta(0)) + 8) + _box(b"mdat", b"".join(tiles))


def _content(data: bytes, kind: bytes) -> bytes:
    at = data.index(kind)
    return data[at + 4 : at - 4 + int.from_bytes(data[at - 4 : at])]


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def _full(kind: bytes, content: bytes, version: int = 0, flags: int = 0) -> bytes:
    return _box(kind, bytes([version]) + flags.to_bytes(3) + content)
