"""Reads a QR code from its picture, as a phone does: enough of ISO 18004 for an address, without mending errors."""

import struct
import zlib
from collections.abc import Callable, Iterator

Grid = list[list[int]]

_MASKS: list[Callable[[int, int], bool]] = [
    lambda row, column: (row + column) % 2 == 0,
    lambda row, column: row % 2 == 0,
    lambda row, column: column % 3 == 0,
    lambda row, column: (row + column) % 3 == 0,
    lambda row, column: (row // 2 + column // 3) % 2 == 0,
    lambda row, column: row * column % 2 + row * column % 3 == 0,
    lambda row, column: (row * column % 2 + row * column % 3) % 2 == 0,
    lambda row, column: ((row + column) % 2 + row * column % 3) % 2 == 0,
]
_BYTES = 0b0100
_UP = 2  # the PNG filter by which a line tells its difference from the one above


def scanned(png: bytes) -> str:
    """What a code of bytes says, of version 3 at the most: larger ones shuffle their blocks."""
    grid = _modules(_pixels(png))
    assert len(grid) <= 29
    bits = "".join(str(bit) for bit in _stream(grid))
    assert int(bits[:4], 2) == _BYTES
    length = int(bits[4:12], 2)
    return bytes(int(bits[n : n + 8], 2) for n in range(12, 12 + 8 * length, 8)).decode()


def _pixels(png: bytes) -> Grid:
    """1 for dark, of a picture in black and white."""
    width, height, depth, colors = struct.unpack(">IIBB", png[16:26])
    assert (depth, colors) == (1, 0)
    packed, place = b"", 8
    while place < len(png):
        length, name = struct.unpack(">I4s", png[place : place + 8])
        packed += png[place + 8 : place + 8 + length] if name == b"IDAT" else b""
        place += length + 12
    rows, stride = zlib.decompress(packed), (width + 7) // 8 + 1
    lines = [bytes(stride - 1)]
    for start in range(0, stride * height, stride):
        line, above = rows[start + 1 : start + stride], lines[-1] if rows[start] == _UP else bytes(stride - 1)
        lines.append(bytes((one + other) % 256 for one, other in zip(line, above, strict=True)))
    return [[1 - (line[x // 8] >> (7 - x % 8) & 1) for x in range(width)] for line in lines[1:]]


def _modules(pixels: Grid) -> Grid:
    """The code without its margin, one number for each module: the corner that stands out is seven of them wide."""
    margin = next(n for n in range(len(pixels)) if pixels[n][n])
    module = pixels[margin].index(0, margin) - margin
    places = range(margin + module // 14, len(pixels) - margin, module // 7)
    return [[pixels[y][x] for x in places] for y in places]


def _stream(grid: Grid) -> Iterator[int]:
    """The data's bits in their order: up and down, in pairs of columns from the right, past what is no data."""
    size = len(grid)
    mask = _MASKS[(grid[8][2] ^ 1) << 2 | grid[8][3] << 1 | grid[8][4] ^ 1]
    upwards = True
    for right in [*range(size - 1, 6, -2), *range(5, 0, -2)]:
        for row in range(size - 1, -1, -1) if upwards else range(size):
            for column in (right, right - 1):
                if not _is_pattern(row, column, size):
                    yield grid[row][column] ^ mask(row, column)
        upwards = not upwards


def _is_pattern(row: int, column: int, size: int) -> bool:
    """Whether it is there to be found by: three corners, two dotted lines, and a small square."""
    corner = (row < 9 and (column < 9 or column >= size - 8)) or (row >= size - 8 and column < 9)
    square = size > 21 and abs(row - size + 7) <= 2 and abs(column - size + 7) <= 2
    return corner or square or 6 in (row, column)
