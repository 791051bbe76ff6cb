"""What our PNGs are, for their writer and for who reads a window of one: by itself, so that a loader's process need not
load what compresses them."""

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# The filter of every row: each byte less the same channel of the pixel to its left, so that rows stand alone.
FILTER_SUB = 1
