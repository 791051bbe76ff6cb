"""What a JPEG file says before its first scan: quantisation tables, chroma sampling; whether it is whole."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.int64]

SCAN, TABLES, END = 0xDA, 0xDB, 0xD9
JFIF, PROFILE, ADOBE = 0xE0, 0xE2, 0xEE
DISPENSABLE = (JFIF, PROFILE)
KNOWN_TRANSFORMS = (b"\0", b"\1", b"\2")
PROGRESSIVE = (0xC2, 0xCA)  # the second by arithmetic coding
MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # in a scan; no stuffed, restart or fill byte
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # start of frame, of any process
NUM_QUALITIES = 100
SAMPLINGS = {  # luma samples for one of chroma: across, down
    (1.0, 1.0): "4:4:4",
    (2.0, 1.0): "4:2:2",
    (2.0, 2.0): "4:2:0",
    (1.0, 2.0): "4:4:0",
    (4.0, 1.0): "4:1:1",
    (4.0, 2.0): "4:1:0",
}

# Annex K of the standard, row by row: what libjpeg scales by its quality.
ANNEX_LUMA = """
16 11 10 16 24 40 51 61   12 12 14 19 26 58 60 55   14 13 16 24 40 57 69 56   14 17 22 29 51 87 80 62
18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"""
ANNEX_CHROMA = """
17 18 24 47 99 99 99 99   18 21 26 66 99 99 99 99   24 26 56 99 99 99 99 99   47 66 99 99 99 99 99 99
99 99 99 99 99 99 99 99   99 99 99 99 99 99 99 99   99 99 99 99 99 99 99 99   99 99 99 99 99 99 99 99"""


def _libjpeg_tables(annex: str) -> Table:
    """(100, 64): the tables that libjpeg writes at qualities 1 to 100."""
    quality = np.arange(1, NUM_QUALITIES + 1)[:, None]
    percent = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    steps = (np.array(annex.split(), np.int64) * percent + 50) // 100
    table: Table = np.clip(steps, 1, 255)
    return table


def _zigzag() -> Table:
    """Place in the block, row by row, of each value in the file's order."""
    places = [(x + y, x if (x + y) % 2 == 0 else y, 8 * y + x) for y in range(8) for x in range(8)]
    return np.array([place for *_, place in sorted(places)])


LUMA, CHROMA, ZIGZAG = _libjpeg_tables(ANNEX_LUMA), _libjpeg_tables(ANNEX_CHROMA), _zigzag()


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """How a JPEG was coded. luma, chroma: (64,) steps of quantisation, row by row; sampling: "4:2:0", "4:4:4",
    "" for one component."""

    luma: Table
    chroma: Table | None
    sampling: str

    def quality(self) -> int:
        """The libjpeg quality, 1 to 100, whose tables are nearest in the logarithm: the exact one for files of
        libjpeg, an estimate for those of other encoders."""
        far = _distance(LUMA, self.luma)
        if self.chroma is not None:
            far = far + _distance(CHROMA, self.chroma)
        return NUM_QUALITIES - int(far[::-1].argmin())  # of equals the highest


def _distance(of_quality: Table, table: Table) -> NDArray[np.float64]:
    far: NDArray[np.float64] = np.abs(np.log(of_quality / table)).sum(1)
    return far


def coding(data: bytes) -> Coding | None:
    """How a JPEG file is coded; None where its header holds no tables or no frame."""
    tables: dict[int, Table] = {}
    components: list[tuple[int, int, int]] = []
    for marker, body in segments(data):
        if marker == TABLES:
            tables |= _read_tables(body)
        elif marker in FRAMES and len(body) >= 6 + 3 * body[5]:
            parts = (body[6 + 3 * i : 9 + 3 * i] for i in range(body[5]))
            components = [(part[1] >> 4, part[1] & 15, part[2]) for part in parts]
    if not components or components[0][2] not in tables:
        return None
    apart = len(components) == 3 and components[1][2] != components[0][2]
    chroma = tables.get(components[1][2]) if apart else None
    return Coding(luma=tables[components[0][2]], chroma=chroma, sampling=_sampling(components))


def segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and body of each segment up to the first scan's header, which is the last; ends early in a file
    that is damaged there."""
    for marker, start, end in _walk(data):
        yield marker, data[start:end]


def picture_end(data: bytes) -> int:
    """Where the picture ends and what some cameras append begins; the file's length where it has no end marker."""
    return next((start for marker, start in _from_first_scan(data) if marker == END), len(data))


def plain_header(data: bytes) -> bytes:
    """The same picture without what libjpeg may dislike before its first scan: JFIF's header, a colour profile, an
    unknown transform of Adobe's, stray bytes between the segments."""
    parts = [data[:2]]
    for marker, start, end in _walk(data):
        if marker == SCAN:
            return b"".join([*parts, data[start - 4 :]])
        if marker not in DISPENSABLE and not (marker == ADOBE and data[end - 1 : end] not in KNOWN_TRANSFORMS):
            parts.append(data[start - 4 : end])
    return data


def has_all_scans(data: bytes) -> bool:
    """Whether a progressive file holds every coefficient to its last bit; true for the other processes."""
    missing: set[tuple[int, int]] = set()
    for marker, start, _ in _walk(data):
        if marker in PROGRESSIVE:
            parts = [data[start + 6 + 3 * i] for i in range(data[start + 5])]
            missing = {(part, k) for part in parts for k in range(64)}
    for marker, start in _from_first_scan(data) if missing else ():
        if marker == SCAN:
            missing -= _whole(data[start : start + 12])
    return not missing


def _from_first_scan(data: bytes) -> Iterator[tuple[int, int]]:
    """Marker and start of body of the first scan's header and of each segment behind it; the end marker is the last,
    and behind it nothing is looked at."""
    at = next((start - 4 for marker, start, _ in _walk(data) if marker == SCAN), len(data))
    while (found := MARKER.search(data, at)) is not None:
        marker, size_at = found[0][1], found.end()
        if marker == END:
            yield marker, size_at
            return
        yield marker, size_at + 2
        at = size_at + max(2, int.from_bytes(data[size_at : size_at + 2], "big"))


def _whole(header: bytes) -> set[tuple[int, int]]:
    """The coefficients of components that a scan brings to their last bit."""
    if not header or len(header) < 4 + 2 * header[0]:
        return set()
    parts = [header[1 + 2 * i] for i in range(header[0])]
    first, last, bits = header[1 + 2 * len(parts) : 4 + 2 * len(parts)]
    return {(part, k) for part in parts for k in range(first, last + 1)} if bits & 15 == 0 else set()


def _walk(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of body of each segment up to the first scan's header; stray bytes are passed over."""
    at = 2
    while (at := data.find(b"\xff", at)) >= 0 and at + 4 <= len(data):
        marker, end = data[at + 1], at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in (0x00, 0xFF):  # stray, or a fill byte
            at += 1
            continue
        yield marker, at + 4, end
        if marker == SCAN:
            return
        at = end


def _read_tables(body: bytes) -> dict[int, Table]:
    """Tables by number, row by row; zeros, which no quantiser has, count as 1."""
    tables, at = {}, 0
    while at < len(body):
        size = 2 if body[at] >> 4 else 1
        values = np.frombuffer(body[at + 1 : at + 1 + 64 * size], ">u2" if size == 2 else "u1")
        if len(values) < 64:
            break
        table = np.empty(64, np.int64)
        table[ZIGZAG] = np.maximum(values, 1)
        tables[body[at] & 15] = table
        at += 1 + 64 * size
    return tables


def _sampling(components: list[tuple[int, int, int]]) -> str:
    if len(components) < 3:
        return ""
    (across, down, _), (chroma_across, chroma_down, _), *_ = components
    return SAMPLINGS.get((across / max(1, chroma_across), down / max(1, chroma_down)), "other")
