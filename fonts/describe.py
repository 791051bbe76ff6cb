"""What a font file says of itself: names, licence, weight, category, region. Pure readings of its tables."""

import re

from fontTools.ttLib import TTFont

# Licence texts as they stand in name tables -> SPDX identifiers. First match wins.
_LICENCES = (
    (r"open font licen[cs]e|scripts\.sil\.org/OFL|openfontlicense\.org", "OFL-1.1"),
    (r"apache", "Apache-2.0"),
    (r"ubuntu font licen[cs]e", "Ubuntu-font-1.0"),
    (r"arphic", "Arphic-1999"),
    (r"affero|agpl", "AGPL-3.0-only WITH Font-exception"),
    (r"bitstream vera|dejavu", "Bitstream-Vera"),
    (r"lesser general public|lgpl", "LGPL-2.1-or-later"),
    (r"general public licen[cs]e|\bgpl", "GPL-2.0-or-later WITH Font-exception-2.0"),
    (r"cc0|public domain", "CC0-1.0"),
    (r"gust font licen[cs]e", "LPPL-1.3c"),
    (r"\bmit licen[cs]e", "MIT"),
)

# Words of family names, tried in this order; CamelCase is split first.
_CATEGORIES = (
    ("kai", r"\b(u?kai(ti)?|wen ?kai|klee)\b|楷"),
    ("hand", r"\b(hand(writing|written)?|script|brush|cursive|chancery|z003|caveat)\b"),
    ("hand", r"\b(xing|(mao|xing) cao|ma shan)\b|行书|草书"),
    ("mono", r"\b(mono(space)?d?|code|courier|typewriter|console|consolas|fixed|terminal|cmtt\d*)\b|等宽"),
    ("sans", r"\b(sans|gothic|hei(ti)?|ya ?hei|grotesk|grotesque|arial|helvetica|roboto|verdana)\b|黑"),
    (
        "serif",
        r"\b(serif|song(ti)?|su?ng|u?ming(ti)?|mincho|fang ?song|roman|times|garamond|georgia)\b|宋|明",
    ),
)

# How the makers of Chinese, Japanese and Korean families mark the regional forms.
_REGIONS = (
    ("SC", r"\b(sc|cn|gb|hans|cjk ?sc)\b"),
    ("TC", r"\b(tc|tw|hk|hant|mo|cjk ?tc|cjk ?hk)\b"),
    ("JP", r"\b(jp|ja|jpn|cjk ?jp)\b"),
    ("KR", r"\b(kr|ko|kor|cjk ?kr)\b"),
)


def name_of(font: TTFont, *name_ids: int) -> str:
    """The first of these name records that is there, English where there is a choice, or ""."""
    for name_id in name_ids:
        name = font["name"].getDebugName(name_id) if "name" in font else None
        if name and name.strip():
            return str(name).strip()
    return ""


def licence_of(font: TTFont) -> str:
    """The SPDX identifier of the licence in the name table; "unknown" where it has none we recognise."""
    text = " ".join(name_of(font, name_id) for name_id in (13, 14, 0))
    for pattern, licence in _LICENCES:
        if re.search(pattern, text, re.IGNORECASE):
            return licence
    return "unknown"


def weight_of(font: TTFont) -> int:
    """OS/2 weight class, 1 to 1000; 400 where the table is missing. Old fonts count 1 to 9."""
    weight = int(font["OS/2"].usWeightClass) if "OS/2" in font else 400
    return min(max(weight * 100 if weight < 10 else weight, 1), 1000)


def is_italic(font: TTFont) -> bool:
    """True for italic and oblique faces."""
    selection = font["OS/2"].fsSelection if "OS/2" in font else 0
    angle = font["post"].italicAngle if "post" in font else 0
    return bool(selection & (1 | 1 << 9)) or bool(font["head"].macStyle & 2) or angle != 0


def category_of(font: TTFont) -> str:
    """One of "serif", "sans", "mono", "kai", "hand" by name, Panose or fixed pitch; "" where none tells."""
    family = split_words(name_of(font, 16, 1, 4))
    for category, pattern in _CATEGORIES:
        if re.search(pattern, family, re.IGNORECASE):
            return category
    panose = getattr(font["OS/2"], "panose", None) if "OS/2" in font else None
    if panose and panose.bFamilyType == 3:  # Latin Hand Written
        return "hand"
    return "mono" if "post" in font and font["post"].isFixedPitch else ""


def region_of(font: TTFont) -> str:
    """One of "SC", "TC", "JP", "KR" where the family name tells whose Han forms it draws, else ""."""
    family = split_words(name_of(font, 16, 1, 4))
    for region, pattern in _REGIONS:
        if re.search(pattern, family, re.IGNORECASE):
            return region
    return ""


def split_words(name: str) -> str:
    """Take "NotoSansCJKsc-Bold" apart: "Noto Sans CJK sc Bold"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z]{3})(?=[a-z]{2}\b)|[-_]+", " ", name)
