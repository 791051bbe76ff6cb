"""Deflate (RFC 1951) for filtered pixels of photographs: one block of literals and runs of zeros, with a code fitted to
the image.

Such pixels hardly repeat, so that searching for matches is most of a general compressor's time and little of its gain.
The same bytes come from every processor. Where grounds are flat a general one is better.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]
Counts = NDArray[np.int64]
State = tuple[np.int64, np.uint64, np.uint64]  # words written, bits not yet written, how many those are

VERSION = "1"  # of the bytes that it writes
MAX_BITS = 12  # of a symbol: four then fit into the buffer at a time
NUM_SYMBOLS, END, LONGEST = 286, 256, 258
EVERY = 4  # of words of eight bytes one is counted
FLAT = 0.1  # share of words of zeros from which on matches are worth searching for
MARGIN = 512  # 16-bit words beyond the data's that header and end take at most


def is_flat(data: Bytes) -> bool:
    """Whether so much of filtered pixels (n,) is zero that they are no photograph's."""
    words = data[: len(data) // 8 * 8].view(np.uint64)[::EVERY]
    return bool(np.count_nonzero(words == 0) > FLAT * len(words))


def deflate(data: Bytes) -> bytes:
    """The stream of contiguous bytes (n,)."""
    out = np.empty(len(data) * MAX_BITS // 16 + MARGIN, np.uint16)
    size = _deflate(data, RUNS, out)
    return out.view(np.uint8)[:size].tobytes()


def _runs() -> Words:
    """By length of a match (259, 3): symbol, extra bits, how many they are."""
    runs, symbol, length = np.zeros((LONGEST + 1, 3), np.uint64), 257, 3
    for extra in (*[0] * 8, *np.repeat([1, 2, 3, 4, 5], 4).tolist()):
        for value in range(1 << extra):
            runs[length + value] = symbol, value, extra
        symbol, length = symbol + 1, length + (1 << extra)
    runs[LONGEST] = 285, 0, 0
    return runs


RUNS = _runs()


@njit(cache=True)
def _count(words: Words) -> Counts:
    """How often each symbol is to be expected, at least once."""
    counts = np.ones(NUM_SYMBOLS, np.int64)
    for i in range(0, len(words), EVERY):
        if words[i] == 0:
            counts[NUM_SYMBOLS - 1] += 1
        else:
            for k in range(8):
                counts[(words[i] >> np.uint64(8 * k)) & np.uint64(255)] += 8
    return counts


# Loops, where numpy's sorting, indexing by arrays and arithmetic would do: those take seconds to compile.
@njit(cache=True)
def _order(weights: Counts) -> Counts:
    """The symbols by rising weight."""
    order = np.empty(len(weights), np.int64)
    for i in range(len(weights)):
        k = i
        while k > 0 and weights[order[k - 1]] > weights[i]:
            order[k] = order[k - 1]
            k -= 1
        order[k] = i
    return order


@njit(cache=True)
def _depths(weights: Counts, bits: Counts) -> int:
    """Bits of each symbol in Huffman's code, and the most of them, by two queues: symbols, and pairs made before."""
    n, order = len(weights), _order(weights)
    weight, parent, depth = np.zeros(2 * n - 1, np.int64), np.zeros(2 * n - 1, np.int64), np.zeros(2 * n - 1, np.int64)
    symbol, pair, most = 0, n, 0
    for made in range(n, 2 * n - 1):
        for _ in range(2):
            if symbol < n and (pair >= made or weights[order[symbol]] <= weight[pair]):
                weight[made] += weights[order[symbol]]
                parent[symbol] = made
                symbol += 1
            else:
                weight[made] += weight[pair]
                parent[pair] = made
                pair += 1
    for i in range(2 * n - 3, -1, -1):
        depth[i] = depth[parent[i]] + 1
        most = max(most, depth[i])
    for i in range(n):
        bits[order[i]] = depth[i]
    return most


@njit(cache=True)
def _code(counts: Counts) -> tuple[Words, Words]:
    """Codes, their first bit lowest, and bits of all symbols; `counts` of rare ones rise until no code is too long."""
    n, code = len(counts), 0
    codes, widths, bits = np.zeros(n, np.uint64), np.zeros(n, np.uint64), np.zeros(n, np.int64)
    while _depths(counts, bits) > MAX_BITS:
        for i in range(n):
            counts[i] = counts[i] // 2 + 1
    for width in range(1, MAX_BITS + 1):
        for symbol in range(n):
            if bits[symbol] == width:
                for k in range(width):
                    codes[symbol] |= np.uint64((code >> k & 1) << (width - 1 - k))
                widths[symbol] = width
                code += 1
        code <<= 1
    return codes, widths


@njit(cache=True)
def _pairs(codes: Words, bits: Words) -> Words:
    """By two bytes (65,536): their code, and from bit 32 on how many bits it has."""
    pairs = np.empty(1 << 16, np.uint64)
    for second in range(256):
        for first in range(256):
            code = codes[first] | codes[second] << bits[first]
            pairs[first + 256 * second] = code | (bits[first] + bits[second]) << np.uint64(32)
    return pairs


@njit(cache=True)
def _put(out: NDArray[np.uint16], state: State, value: np.uint64, width: np.uint64) -> State:
    """Append up to 48 bits to the state's, of which it holds up to 15; what is whole goes to out."""
    end, rest, held = state
    low = np.uint64(0xFFFF)
    rest |= value << held
    held += width
    out[end], out[end + 1] = rest & low, rest >> np.uint64(16) & low
    out[end + 2], out[end + 3] = rest >> np.uint64(32) & low, rest >> np.uint64(48)
    return end + np.int64(held >> np.uint64(4)), rest >> (held & np.uint64(48)), held & np.uint64(15)


@njit(cache=True)
def _put_head(out: NDArray[np.uint16], bits: Words) -> State:
    """The last block, of a code of its own: the bits of each symbol, in four bits each, and one distance."""
    state = np.int64(0), np.uint64(0), np.uint64(0)
    for value, width in ((5, 3), (NUM_SYMBOLS - 257, 5), (0, 5), (15, 4)):
        state = _put(out, state, np.uint64(value), np.uint64(width))
    for i in range(19):  # lengths 0 to 15 have four bits, the three kinds of repeats none
        state = _put(out, state, np.uint64(0 if i < 3 else 4), np.uint64(3))
    for i in range(NUM_SYMBOLS + 1):
        own = np.int64(bits[i]) if i < NUM_SYMBOLS else np.int64(1)
        turned = (own & 1) << 3 | (own & 2) << 1 | (own & 4) >> 1 | (own & 8) >> 3
        state = _put(out, state, np.uint64(turned), np.uint64(4))
    return state


@njit(cache=True)
def _put_zeros(out: NDArray[np.uint16], state: State, codes: Words, bits: Words, runs: Words, zeros: int) -> State:
    """Zeros, at least four: one as a literal, which the others repeat."""
    state = _put(out, state, codes[0], bits[0])
    zeros -= 1
    while zeros > 0:
        length = min(zeros, LONGEST)
        length -= 3 if 0 < zeros - length < 3 else 0  # what is left must be a match too
        symbol, value, extra = runs[length]
        code = codes[symbol] | value << bits[symbol]
        state = _put(out, state, code, bits[symbol] + extra + np.uint64(1))  # and the one distance
        zeros -= length
    return state


@njit(cache=True, nogil=True)
def _deflate(data: Bytes, runs: Words, out: NDArray[np.uint16]) -> np.int64:
    """Fill out; how many of its bytes are the stream."""
    words, low, half = data[: len(data) // 8 * 8].view(np.uint64), np.uint64(0xFFFF), np.uint64(0xFFFFFFFF)
    codes, bits = _code(_count(words))
    pairs, state = _pairs(codes, bits), _put_head(out, bits)
    i = 0
    while i < len(words):
        word, first = words[i], i
        i += 1
        if word == 0:
            while i < len(words) and words[i] == 0:
                i += 1
            state = _put_zeros(out, state, codes, bits, runs, 8 * (i - first))
            continue
        for four in (word & half, word >> np.uint64(32)):
            one, two = pairs[four & low], pairs[four >> np.uint64(16)]
            width = one >> np.uint64(32)
            state = _put(out, state, one & half | (two & half) << width, width + (two >> np.uint64(32)))
    for k in range(8 * len(words), len(data) + 1):
        symbol = data[k] if k < len(data) else END
        state = _put(out, state, codes[symbol], bits[symbol])
    return np.int64(2) * state[0] + np.int64(state[2] + np.uint64(7)) // np.int64(8)
