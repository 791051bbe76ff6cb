"""What a WebP file says before its pixels: lossless or lossy, and how hard it was squeezed."""

from collections.abc import Iterator
from dataclasses import dataclass

START = b"\x9d\x01\x2a"  # of a lossy key frame
MAX_INDEX = 127  # of a quantiser
NUM_SEGMENTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """How a WebP was coded. quality: libwebp's, 0 to 100, estimated; None where lossless or not to be read."""

    lossless: bool
    quality: float | None


def coding(data: bytes) -> Coding | None:
    """How the first frame of a WebP file is coded; None where no frame is found."""
    for name, body in _chunks(data, 12):
        for chunk in _chunks(body, 16) if name == b"ANMF" else [(name, body)]:
            if (found := _coding(*chunk)) is not None:
                return found
    return None


def _coding(name: bytes, body: bytes) -> Coding | None:
    if name == b"VP8L":
        return Coding(lossless=True, quality=None)
    return Coding(lossless=False, quality=_quality(body)) if name == b"VP8 " else None


def _chunks(data: bytes, at: int) -> Iterator[tuple[bytes, bytes]]:
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        yield data[at : at + 4], data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _quality(frame: bytes) -> float | None:
    """From the mean quantiser, by the curve that libwebp's encoder uses between the two.

    The encoder tunes the quantiser to the picture, so the estimate is a few points off.
    """
    if frame[3:6] != START:
        return None
    index = _mean_index(Bits(frame[10:]))
    linear = (1 - index / MAX_INDEX) ** 3
    return round(100 * (1.5 * linear if linear < 0.5 else (linear + 1) / 2), 1)


def _mean_index(bits: "Bits") -> float:
    """The quantiser, 0 to 127, over the segments; RFC 6386, section 9.3 to 9.6."""
    bits.read(2)  # colour space, clamping
    absolute, changes = _segments(bits) if bits.read(1) else (False, [])
    bits.read(1 + 6 + 3)  # loop filter: kind, level, sharpness
    if bits.read(1) and bits.read(1):  # its changes by kind of block
        for _ in range(8):
            bits.optional(6)
    bits.read(2)  # partitions
    base = bits.read(7)
    levels = [change if absolute else base + change for change in changes] or [base]
    return sum(min(max(level, 0), MAX_INDEX) for level in levels) / len(levels)


def _segments(bits: "Bits") -> tuple[bool, list[int]]:
    """Whether each segment's quantiser replaces the frame's or is added to it, and their values."""
    new_map, absolute, changes = bits.read(1), False, []
    if bits.read(1):
        absolute = bool(bits.read(1))
        changes = [bits.optional(7) for _ in range(NUM_SEGMENTS)]
        for _ in range(NUM_SEGMENTS):
            bits.optional(6)  # loop filter
    for _ in range(3 * new_map):
        if bits.read(1):
            bits.read(8)
    return absolute, changes


class Bits:
    """Even bits of the format's arithmetic coder; RFC 6386, section 7. Past the end it reads zeros."""

    def __init__(self, data: bytes) -> None:
        self._data = data[:256]
        self._value = int.from_bytes(self._data[:2].ljust(2, b"\0"), "big")
        self._next, self._range, self._shifted = 2, 255, 0

    def read(self, count: int) -> int:
        """An unsigned number of so many bits, the highest first."""
        number = 0
        for _ in range(count):
            number = 2 * number + self._bit()
        return number

    def optional(self, count: int) -> int:
        """A number with a sign behind it, or 0, after a bit that says which."""
        if not self.read(1):
            return 0
        size = self.read(count)
        return -size if self.read(1) else size

    def _bit(self) -> int:
        split = 1 + ((self._range - 1) * 128 >> 8)
        bit = self._value >= split << 8
        if bit:
            self._value -= split << 8
            self._range -= split
        else:
            self._range = split
        while self._range < 128:
            self._shift()
        return int(bit)

    def _shift(self) -> None:
        self._value, self._range, self._shifted = self._value * 2, self._range * 2, self._shifted + 1
        if self._shifted == 8:
            self._shifted = 0
            self._value |= self._data[self._next] if self._next < len(self._data) else 0
            self._next += 1
