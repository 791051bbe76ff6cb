"""The recipe of a rendered dataset: frozen, validated, complete. Its fields decide every byte."""

from dataclasses import dataclass

from render.layouts.kinds import LAYOUTS
from render.mix import Mix
from render.raster import KINDS
from render.scene import BLENDS, DEGRADATIONS, GROUNDS

BANDS: dict[str, tuple[float, float]] = {"5-7": (5, 7), "7-10": (7, 10), "10-14": (10, 14), "14-20": (14, 20)}
LANGUAGES = ("en", "zh", "zh-Hant")
INKS = (*BLENDS, "fade")
LAYERS = ("none", "shadow", "outline")
EFFECTS = ("none", *DEGRADATIONS)
VERTICAL_ONLY_ZH = ("vertical",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What to render. Every field can be set in a recipe file and overridden on the command line.

    Shares are exact in images within every 1,000 indices (bands, languages, layouts, grounds, image sizes),
    or drawn by chance where a note says so.
    """

    name: str = "default"
    """Name of the dataset; part of every record's id."""
    image_size: tuple[str, ...] = ("512",)
    """Picture sizes in px: "512" (square) or "768x512" (width x height); several are used in equal shares."""
    languages: Mix = Mix.of({"en": 0.5, "zh": 0.5})
    """Shares of languages: en, zh (Simplified), zh-Hant (Traditional)."""
    size_px: tuple[float, float] = (5.0, 20.0)
    """Smallest and largest body text, em in px, within 5 to 20; bands outside it are left out."""
    bands: Mix = Mix.of({"5-7": 0.2, "7-10": 0.3, "10-14": 0.3, "14-20": 0.2})
    """Shares of the size bands of body text, em in px: 5-7, 7-10, 10-14, 14-20."""
    layouts: Mix = Mix.of(dict.fromkeys(LAYOUTS, 1.0))
    """Shares of kinds of document; vertical is used in Chinese alone."""
    grounds: Mix = Mix.of({"photo": 0.92, "paper": 0.04, "gradient": 0.04})
    """Shares of what lies under the text: photo, paper, gradient."""
    rasters: Mix = Mix.of({"grey": 0.55, "light": 0.12, "full": 0.1, "strike": 0.03, "lcd": 0.1, "reduced": 0.1})
    """Shares of rasteriser styles, by chance once a style block. Strike takes faces with embedded bitmaps of the size
    (`python -m fonts fetch`, then --fonts default fetched) and full takes a whole size; grey where there is none."""
    inks: Mix = Mix.of({"alpha": 0.82, "multiply": 0.06, "screen": 0.06, "fade": 0.06})
    """Shares of ways to lay ink on the ground, by chance an image: alpha, multiply, screen, fade (gradient)."""
    layers: Mix = Mix.of({"none": 0.8, "shadow": 0.12, "outline": 0.08})
    """Shares of what is drawn under the text, by chance an image; an outline is also added where not even a toned
    photo leaves an ink that keeps the contrast floor."""
    effects: Mix = Mix.of({"none": 0.85, "blur": 0.03, "noise": 0.05, "jpeg": 0.04, "resample": 0.03})
    """Shares of mild degradations of the finished picture, by chance an image."""
    plates: float = 0.06
    """Share of images, 0 to 1, whose layout may put text on filled plates, as user interfaces do."""
    toned: float = 0.2
    """Share of photos, 0 to 1, dimmed or lightened a little under the text. At every share, 0 included, others are too
    where they leave some line no ink that keeps the contrast floor or, on the four pages in five that keep to dark or
    to light ink, no such ink for all lines; by no more than that takes (at most half)."""
    contrast_floor: float = 30.0
    """Least APCA contrast Lc (15 to 60) of ink to the nearest tenth of the 4 px tiles under a line of 12 px and more;
    rising to 1.4 times that at 5 px."""
    crops_per_photo: int = 4
    """Pictures made from one decoded photo, each from a crop of its own."""
    max_zoom: float = 3.0
    """A crop is at most this many times the picture's size before it is reduced, 1 to 8."""
    style_block: int = 64
    """Consecutive indices that share a face, size and style for each band and language, 1 to 1000."""
    words: bool = False
    """Also store a quad for every word."""
    chars: bool = False
    """Also store a quad for every character."""
    mask: bool = False
    """Also store a text mask (PNG, grey: coverage of ink)."""

    def __post_init__(self) -> None:
        self.bands.check("bands", BANDS)
        self.languages.check("languages", LANGUAGES)
        self.layouts.check("layouts", LAYOUTS)
        self.grounds.check("grounds", GROUNDS)
        self.rasters.check("rasters", KINDS)
        self.inks.check("inks", INKS)
        self.layers.check("layers", LAYERS)
        self.effects.check("effects", EFFECTS)
        for name, least, most in _RANGES:
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name} is {getattr(self, name)}: choose {least} to {most}")
        low, high = self.size_px
        if not 5 <= low <= high <= 20:
            raise ValueError(f"size_px is {low} {high}: choose smallest and largest within 5 to 20 px")
        if not set(self.bands.names) - self._bands_outside():
            raise ValueError(f"no band of {self.bands} lies within size_px {low} to {high}: widen size_px or bands")
        if "en" in self.languages.names and not set(self.layouts.names) - set(VERTICAL_ONLY_ZH):
            raise ValueError(f"layouts is {self.layouts}: none of them is set in en; add another")
        if not self.sizes():
            raise ValueError("image_size is empty: give at least one size, as in 512 or 768x512")

    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Picture sizes (width, height) in px."""
        return tuple(_parse_size(text) for text in self.image_size)

    def band_mix(self) -> Mix:
        """The bands that size_px leaves."""
        return self.bands.without(self._bands_outside())

    def _bands_outside(self) -> set[str]:
        low, high = self.size_px
        if low == high:  # the band that begins there, or the last one
            inside = [band for band, (least, most) in BANDS.items() if least <= low <= most][-1:]
        else:
            inside = [band for band, (least, most) in BANDS.items() if max(least, low) < min(most, high)]
        return set(BANDS) - set(inside)

    def band_range(self, band: str) -> tuple[float, float]:
        """Smallest and largest body size in px of a band under this recipe."""
        low, high = BANDS[band]
        return max(low, self.size_px[0]), min(high, self.size_px[1])

    def layouts_of(self, language: str) -> Mix:
        """The kinds of document that are set in a language."""
        return self.layouts.without(VERTICAL_ONLY_ZH if language == "en" else ())


_RANGES = (
    ("plates", 0, 1),
    ("toned", 0, 1),
    ("contrast_floor", 15, 60),
    ("crops_per_photo", 1, 64),
    ("max_zoom", 1, 8),
    ("style_block", 1, 1000),
)


def _parse_size(text: str) -> tuple[int, int]:
    width, times, height = text.partition("x")
    try:
        size = int(width), int(height if times else width)
    except ValueError:
        raise ValueError(f"image_size is {text!r}: write 512 or 768x512, in px") from None
    if not all(64 <= side <= 4096 for side in size):
        raise ValueError(f"image_size is {text!r}: choose sides of 64 to 4096 px")
    return size
