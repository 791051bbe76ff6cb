"""DEFLATE by Huffman codes and runs of zeros alone: what a PNG filter leaves of a photo repeats nothing, so this is as
small as a search for matches (igzip's level 1) and takes half its time.

Eight bytes are looked at at once, and only zeros that fill such words become runs. An *entry* is a uint64: bits in
the order of the stream, and from bit 48 on how many they are.
"""

import numpy as np
from isal import isal_zlib
from numba import njit
from numpy.typing import ArrayLike, NDArray

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]
State = tuple[np.uint64, np.uint64, np.int64]  # bits not yet stored, how many (under 32), and how many words are stored

END, NUM_SYMBOLS, LONGEST = 256, 286, 15  # of RFC 1951
MAX_WORDS = 32  # in a run: its first zero stands for itself, the others are a copy of the byte before
SHIFT, VALUE, LOW, BYTE, WORD = (np.uint64(n) for n in (48, 2**48 - 1, 2**32 - 1, 255, 32))

_SHORTEST = [*range(3, 11), 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227]
_COPIED = np.maximum(8 * np.arange(MAX_WORDS + 1) - 1, 3)  # bytes, by the words of a run
_PLACE = np.searchsorted(_SHORTEST, _COPIED, side="right") - 1
RUN_SYMBOL: Ints = 257 + _PLACE
RUN_EXTRA = np.maximum(_PLACE // 4 - 1, 0) + 1  # bits: the rest of the length, and one for the distance of 1
_RUN_REST = _COPIED - np.take(_SHORTEST, _PLACE)

# zlib's header; last block, its own codes; 286 + 1 of them, in lengths of 0 to 15 that take four bits each
_OPENING = [0x0178, 0b101, 29 | 15 << 10, 0, 0, 0, *[4] * 16], [16, 3, 14, *[3] * 19]
_REVERSED = np.array([int(f"{n:04b}"[::-1], 2) for n in range(16)])


def deflate(data: Bytes) -> bytes:
    """A zlib stream of bytes (n,), contiguous."""
    whole = len(data) // 8 * 8
    words, rest = data[:whole].view("<u8"), data[whole:].tolist()
    counts = np.bincount([*rest, 0, END], minlength=NUM_SYMBOLS)  # no code is without these two
    count(words, RUN_SYMBOL, counts)
    lengths = code_lengths(counts, np.argsort(counts, kind="stable"))
    table = entries(codes(lengths), lengths)
    out = np.empty(int(counts @ (lengths + 6)) // 32 + 100, "<u4")
    first = entries(_OPENING[0], _OPENING[1]), entries(_REVERSED[[*lengths, 1]], 4)
    state = put(np.concatenate(first), out, (np.uint64(0), np.uint64(0), np.int64(0)))
    state = pack(words, (table, RUN_SYMBOL, entries(_RUN_REST, RUN_EXTRA)), out, state)
    _, num_bits, num_words = put(np.append(table[[*rest, END]], np.uint64(0)), out, state)  # the last stores the rest
    num_bytes = 4 * int(num_words) + (int(num_bits) + 7) // 8
    return out.view(np.uint8)[:num_bytes].tobytes() + isal_zlib.adler32(data).to_bytes(4, "big")


def entries(values: ArrayLike, num_bits: ArrayLike) -> Words:
    """Values (n,) and how many bits each takes."""
    return np.asarray(values, np.uint64) | np.asarray(num_bits, np.uint64) << SHIFT


@njit(cache=True)
def count(words: Words, run_symbol: Ints, counts: Ints) -> None:
    """Add how often each symbol (286,) is needed for the words."""
    parts = np.zeros((4, 256), np.int64)  # by place: equal bytes in a row would wait for one another
    i = 0
    while i < len(words):
        end = _run_end(words, i)
        if end > i:
            parts[0, 0] += 1
            counts[run_symbol[end - i]] += 1
            i = end
            continue
        word = words[i]
        for _ in range(2):
            for place in range(4):
                parts[place, word & BYTE] += 1
                word >>= np.uint64(8)
        i += 1
    counts[:256] += parts.sum(axis=0)


@njit(cache=True, inline="always")
def _run_end(words: Words, i: int) -> int:
    end = i
    while end < len(words) and words[end] == 0 and end < i + MAX_WORDS:
        end += 1
    return end


@njit(cache=True)
def code_lengths(counts: Ints, order: Ints) -> Ints:
    """Bits of each symbol's Huffman code, at most 15, 0 for one that is not needed. order: symbols by rising count."""
    lengths = np.zeros(len(counts), np.int64)
    used = order[counts[order] > 0]
    weights, n = counts[used], len(used)
    while True:
        depths = _depths(weights)
        if depths.max() <= LONGEST:
            lengths[used] = depths[:n]
            return lengths
        weights = (weights + 1) // 2  # flatter, and still in order


@njit(cache=True)
def _depths(leaves: Ints) -> Ints:
    """Depth in the Huffman tree of leaves (n,) of rising weight, and then of its inner nodes (n - 1,)."""
    n = len(leaves)
    weights, parents = np.zeros(2 * n - 1, np.int64), np.zeros(2 * n - 1, np.int64)
    weights[:n] = leaves
    leaf, node = 0, n
    for new in range(n, 2 * n - 1):
        for _ in range(2):
            if leaf < n and (node == new or weights[leaf] <= weights[node]):
                child, leaf = leaf, leaf + 1
            else:
                child, node = node, node + 1
            weights[new] += weights[child]
            parents[child] = new
    depths = np.zeros(2 * n - 1, np.int64)
    for k in range(2 * n - 3, -1, -1):
        depths[k] = depths[parents[k]] + 1
    return depths


@njit(cache=True)
def codes(lengths: Ints) -> Ints:
    """The canonical code of each symbol, its bits in the order of the stream."""
    out, code = np.zeros(len(lengths), np.int64), 0
    for length in range(1, LONGEST + 1):
        for symbol in np.flatnonzero(lengths == length):
            for bit in range(length):
                out[symbol] |= (code >> bit & 1) << (length - 1 - bit)
            code += 1
        code *= 2
    return out


@njit(cache=True)
def put(added: Words, out: NDArray[np.uint32], state: State) -> State:
    """Append entries (n,) of at most 32 bits each."""
    for entry in added:
        state = _put(entry, out, state)
    return state


@njit(cache=True)
def pack(words: Words, code: tuple[Words, Ints, Words], out: NDArray[np.uint32], state: State) -> State:
    """Append the words. code: an entry for each symbol; by the words of a run its symbol, and what follows that."""
    table, run_symbol, run_rest = code
    i = 0
    while i < len(words):
        end = _run_end(words, i)
        if end > i:
            state = _put(table[0], out, state)
            state = _put(_pair(table[run_symbol[end - i]], run_rest[end - i]), out, state)
            i = end
            continue
        word = words[i]
        for _ in range(4):
            state = _put(_pair(table[word & BYTE], table[word >> np.uint64(8) & BYTE]), out, state)
            word >>= np.uint64(16)
        i += 1
    return state


@njit(cache=True, inline="always")
def _pair(first: np.uint64, second: np.uint64) -> np.uint64:
    """Two entries as one."""
    return (first + (second & ~VALUE)) | (second & VALUE) << (first >> SHIFT)


@njit(cache=True, inline="always")
def _put(entry: np.uint64, out: NDArray[np.uint32], state: State) -> State:
    bits, num_bits, num_words = state
    bits |= (entry & VALUE) << num_bits
    num_bits += entry >> SHIFT
    out[num_words] = bits & LOW
    full = num_bits & WORD  # no branch: whether a word is full cannot be foretold
    return bits >> full, num_bits - full, num_words + np.int64(full >> np.uint64(5))
