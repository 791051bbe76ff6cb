"""Which measured crops become samples of the benchmark: one reason for each that does not."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from curate.benchreading import Bounds
from curate.duplicates import near_duplicates
from curate.ngrams import grams
from curate.tokenbench import CHAR_PX

OTHER_LANGUAGE, FEW, MANY = "other language than its block", "too few characters read", "too many characters read"
OTHER_SIZE, BLURRED, BLANK = "characters of another size", "blurred", "large part without text"
SAME_ON_PAGE, SAME_IN_CATEGORY = "text repeated on its page", "text repeated in its category"
LOOKALIKE, STRUCK = "looks like another", "struck in review"
SURPLUS = "beyond the target, or the balance of the languages"
FINE_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A crop that was read, as far as decisions need it."""

    id: str
    page: str
    category: str
    language: str  # of its block, "zh" or "en"
    text_language: str
    text: str
    num_chars: int
    shown_char_px: float  # as its own lines show it; see `benchreading.shown_char_px`
    clarity: float | None
    blank_share: float
    phash: int | None = None
    phash_fine: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a sample must be. Overlaps are shares of the shorter text's n-grams, as `TextIndex.fullest` counts them."""

    bounds: Bounds = field(default_factory=Bounds)
    page_overlap: float = 0.2
    category_overlap: float = 0.3
    size_tolerance: float = 0.25  # of the stated size: how far that of the characters may be from it
    min_clarity: float = 0.5
    max_blank: float = 0.2
    target: int = 3000  # samples at most
    least_share: float = 0.4  # of the rarer language, so that the two are roughly balanced

    def __post_init__(self) -> None:
        if self.target < 1:
            raise ValueError(f"target is {self.target}: give 1 or more samples, about 3000")
        if not 0 <= self.least_share <= 0.5:
            raise ValueError(f"least_share is {self.least_share}: use 0 (all there are) to 0.5 (equal numbers)")
        for name in ("page_overlap", "category_overlap", "size_tolerance", "min_clarity", "max_blank"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}: use a share from 0 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Why a sample is left out; of: the sample that stands for it, where one does."""

    reason: str
    of: str = ""


Rejections = dict[str, Rejection]


def fault_of(sample: Sample, rules: Rules) -> str:
    """Why a sample is unfit by itself, or ""."""
    low, high = rules.bounds.of(sample.language)
    if sample.text_language != sample.language:
        return OTHER_LANGUAGE
    if sample.num_chars < low:
        return FEW
    if sample.num_chars > high:
        return MANY
    if abs(sample.shown_char_px / CHAR_PX[sample.language] - 1) > rules.size_tolerance:
        return OTHER_SIZE
    if sample.clarity is None or sample.clarity < rules.min_clarity:
        return BLURRED
    return BLANK if sample.blank_share > rules.max_blank else ""


def richest_first(samples: Iterable[Sample]) -> list[Sample]:
    """By characters read, the most first."""
    return sorted(samples, key=lambda sample: (-sample.num_chars, sample.id))


class TextIndex:
    """Finds which of the texts put in shares most with another."""

    def __init__(self) -> None:
        self._with: defaultdict[int, list[int]] = defaultdict(list)
        self._names: list[str] = []
        self._sizes: list[int] = []

    def add(self, name: str, text: str) -> None:
        found = grams(text).tolist()
        for gram in found:
            self._with[gram].append(len(self._names))
        self._names.append(name)
        self._sizes.append(len(found))

    def shared(self, text: str) -> dict[str, tuple[int, int]]:
        """For each text with n-grams in common: how many, and how many it has itself."""
        hits: Counter[int] = Counter()
        for gram in grams(text).tolist():
            hits.update(self._with.get(gram, ()))
        return {self._names[number]: (count, self._sizes[number]) for number, count in hits.items()}

    def fullest(self, text: str) -> tuple[str, float]:
        """The text that shares most, and how much: n-grams in common over those of the shorter of the two.

        Over the shorter and not over both together (Jaccard), because lengths differ by up to three times: a text
        that lies whole inside another is a third of both together and all of the shorter.
        """
        size = len(grams(text))
        shares = {name: count / max(1, min(size, other)) for name, (count, other) in self.shared(text).items()}
        best = min(shares, key=lambda name: (-shares[name], name), default="")
        return best, shares.get(best, 0.0)


def repeats(samples: Iterable[Sample], key: Callable[[Sample], str], most: float, reason: str) -> Rejections:
    """Of samples with one key whose texts overlap by more than `most`, all but the richest: no two stay that do."""
    indexes: defaultdict[str, TextIndex] = defaultdict(TextIndex)
    found: Rejections = {}
    for sample in richest_first(samples):
        index = indexes[key(sample)]
        name, share = index.fullest(sample.text)
        if share > most:
            found[sample.id] = Rejection(reason=reason, of=name)
        else:
            index.add(sample.id, sample.text)
    return found


def lookalikes(samples: Iterable[Sample]) -> Rejections:
    """Of samples that look nearly the same, all but the richest."""
    ordered = richest_first(samples)
    coarse = pa.array([sample.phash for sample in ordered], pa.uint64())
    fine = pa.array([sample.phash_fine for sample in ordered], pa.binary(FINE_BYTES))
    leading = near_duplicates(coarse, fine).tolist()
    return {
        sample.id: Rejection(reason=LOOKALIKE, of=ordered[first].id)
        for sample, (number, first) in zip(ordered, enumerate(leading), strict=True)
        if number != first
    }


def balanced(samples: Sequence[Sample], target: int, least_share: float) -> set[str]:
    """The ids of at most `target` samples: languages in equal numbers, or as nearly as there are samples, the rarer
    at least `least_share` of all; in each language categories alike, and pages in turn."""
    queues = {language: _in_turn([s for s in samples if s.language == language]) for language in ("en", "zh")}
    sizes = {language: len(queue) for language, queue in queues.items()}
    few = min(sizes.values())
    limit = int(few / least_share + 1e-9) - few if least_share > 0 and few else max(sizes.values())
    small = min(few, target // 2)
    large = min(max(sizes.values()), target - small, max(limit, small))
    rarer = min(sizes, key=lambda language: (sizes[language], language))
    counts = {language: small if language == rarer else large for language in sizes}
    return {sample.id for language, queue in queues.items() for sample in queue[: counts[language]]}


def _in_turn(samples: Sequence[Sample]) -> list[Sample]:
    """Categories in turn, in each pages in turn, of a page the richest first: any beginning is an even mix."""
    pages: Counter[tuple[str, str]] = Counter()
    places: list[tuple[int, Sample]] = []
    for sample in richest_first(samples):
        places.append((pages[sample.category, sample.page], sample))
        pages[sample.category, sample.page] += 1
    seen: Counter[str] = Counter()
    ranked = []
    for turn, sample in sorted(places, key=lambda place: (place[0], place[1].id)):
        ranked.append((seen[sample.category], sample.category, turn, sample))
        seen[sample.category] += 1
    return [sample for *_, sample in sorted(ranked, key=lambda item: item[:3])]


def choose(
    samples: Sequence[Sample], rules: Rules, barred: Mapping[str, Rejection], struck: Collection[str]
) -> Rejections:
    """Every sample that is left out, with the first reason for which it is.

    barred: samples that training has seen. struck: ids that a person took out; nothing takes their place, so that
    nothing comes in that nobody has looked at.
    """
    found = {sample.id: Rejection(reason=fault) for sample in samples if (fault := fault_of(sample, rules))}
    found |= {name: rejection for name, rejection in barred.items() if name not in found}

    def left() -> list[Sample]:
        return [sample for sample in samples if sample.id not in found]

    found |= repeats(left(), lambda sample: sample.page, rules.page_overlap, SAME_ON_PAGE)
    found |= repeats(left(), lambda sample: sample.category, rules.category_overlap, SAME_IN_CATEGORY)
    found |= lookalikes(left())
    taken = balanced(left(), rules.target, rules.least_share)
    found |= {sample.id: Rejection(reason=SURPLUS) for sample in left() if sample.id not in taken}
    return found | {sample.id: Rejection(reason=STRUCK) for sample in left() if sample.id in struck}
