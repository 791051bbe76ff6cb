"""Short things that documents hold, one function a kind: dates, amounts, names, addresses, formulas."""

from render.writers import lexicon, words
from render.writers.draws import Draws

_DOMAINS = ("com", "org", "net", "edu", "io", "cn", "co.uk", "info")
_GREEK = ("α", "β", "π", "Σ", "√2")
_CURRENCIES = ("$", "€", "£", "¥")


def date(draws: Draws, language: str) -> str:
    """A day, in one of the forms usual in the language."""
    year, month, day = draws.between(1950, 2035), draws.between(1, 12), draws.between(1, 28)
    if draws.chance(0.3):
        mark = draws.pick("-/.")
        return f"{year}{mark}{month:02}{mark}{day:02}"
    if language != "en":
        return draws.pick((f"{year}年{month}月{day}日", f"{month}月{day}日", f"{year}年{month}月"))
    name = lexicon.MONTHS[month - 1]
    forms = (
        f"{name} {day}, {year}",
        f"{day} {name[:3]} {year}",
        f"{month:02}/{day:02}/{year}",
        f"{name} {year}",
    )
    return draws.pick(forms)


def time(draws: Draws) -> str:
    """A time of day: "14:05", "9:30 AM", "14:05:59"."""
    hour, minute = draws.below(24), draws.below(60)
    half = f"{hour % 12 or 12}:{minute:02} {draws.pick(('AM', 'PM', 'a.m.', 'p.m.'))}"
    return draws.pick((f"{hour:02}:{minute:02}", half, f"{hour:02}:{minute:02}:{draws.below(60):02}"))


def number(draws: Draws) -> str:
    """A count, a decimal, a negative, a thousand-separated or an exponential number."""
    kind, value = draws.below(6), 10.0 ** (6 * draws.fraction())
    if kind == 0:
        return str(draws.below(100))
    if kind == 1:
        return f"{int(value):,}"
    if kind == 2:
        return f"{value:.{draws.between(1, 3)}f}"
    if kind == 3:
        return f"-{value:.1f}"
    return f"{value / 1e4:.1e}" if kind == 4 else str(int(value))


def percent(draws: Draws) -> str:
    """A share in percent: "12%", "3.5%", "+0.42%"."""
    value = 100 * draws.fraction()
    return draws.pick((f"{value:.0f}%", f"{value:.1f}%", f"{draws.pick('+-')}{value / 10:.2f}%"))


def price(draws: Draws, language: str) -> str:
    """An amount of money with its currency."""
    value = 10.0 ** (4 * draws.fraction())
    if language == "en":
        return f"{draws.pick(_CURRENCIES)}{value:,.2f}"
    unit = words.in_script("万元", language)
    return draws.pick((f"¥{value:.2f}", f"{value:.0f}元", f"{value:.1f}{unit}", f"{value:,.2f}"))


def phone(draws: Draws) -> str:
    """A telephone number, American (fictitious: 555-01xx), international or Chinese in form."""
    tail = draws.below(10_000)
    american = f"({draws.between(201, 989)}) 555-01{tail % 100:02}"
    office = f"0{draws.between(10, 29)}-{draws.between(2000, 8999)}{tail:04}"
    mobile = f"1{draws.between(30, 99)} {draws.below(10_000):04} {tail:04}"
    return draws.pick((american, f"+44 20 7946 {tail % 1000:04}", office, mobile))


def email_or_url(draws: Draws) -> str:
    """An address of mail or web made of English words."""
    table = words.content_words("en")
    one, two = (table.pick(draws).replace("'", "").lower() for _ in range(2))
    site = f"{one}{draws.pick(('', '-'))}{two}.{draws.pick(_DOMAINS)}"
    path = f"{draws.pick(('', 'www.'))}{site}/{table.pick(draws).lower()}".replace("'", "")
    user = f"{draws.pick(lexicon.GIVEN_NAMES).lower()}{draws.pick(('', '.', '_', '42'))}@{site}"
    return draws.pick((user, path, f"https://{path}", f"www.{site}"))


def name(draws: Draws, language: str) -> str:
    """A person's name."""
    if language == "en":
        given, surname = draws.pick(lexicon.GIVEN_NAMES), draws.pick(lexicon.SURNAMES)
        initial = f"{given} {draws.pick('ABCDEFGHJKLMNPRSTW')}. {surname}"
        return draws.pick((f"{given} {surname}", f"{given} {surname}", initial, f"{surname}, {given[0]}."))
    given = "".join(draws.pick(lexicon.ZH_GIVEN) for _ in range(draws.between(1, 2)))
    return words.in_script(draws.pick(lexicon.ZH_SURNAMES) + given, language)


def place(draws: Draws, language: str) -> str:
    """A town or a district."""
    return draws.pick(lexicon.CITIES) if language == "en" else words.in_script(draws.pick(lexicon.ZH_PLACES), language)


def address(draws: Draws, language: str) -> str:
    """A street and a town."""
    house = draws.between(1, 1999)
    if language == "en":
        street = f"{house} {draws.pick(lexicon.STREETS)} {draws.pick(lexicon.STREET_KINDS)}"
        region = f"{draws.pick(lexicon.REGIONS)} {draws.between(10000, 99999)}"
        return f"{street}, {draws.pick(lexicon.CITIES)}, {region}"
    road = f"{draws.pick(lexicon.ZH_PLACES)}{draws.pick(lexicon.ZH_ROADS)}路{house}号"
    room = draws.pick(("", f"{draws.between(1, 30)}栋", f"{draws.between(101, 2999)}室"))
    return words.in_script(road + room, language)


def formula(draws: Draws, ascii_only: bool = False) -> str:
    """An equation or inequality of one line, with × ÷ ± ≤ ² √ π and the like or `ascii_only`."""
    left = draws.pick(("y", "E", "f(x)", "a + b", "P(A)", "x", "S", "v(t)", "2n + 1", "|z|"))
    right = [_term(draws, ascii_only) for _ in range(draws.between(1, 3))]
    sign = draws.pick((" + ", " - ", " * ")) if ascii_only else draws.pick((" + ", " − ", " × ", " · ", " ± ", " ÷ "))
    relation = draws.pick(("=", "=", "<", ">")) if ascii_only else draws.pick(("=", "=", "≤", "≥", "<"))
    return f"{left} {relation} {sign.join(right)}"


def _term(draws: Draws, ascii_only: bool) -> str:
    factor = draws.pick(("", "", str(draws.between(2, 99)), f"{10 * draws.fraction():.1f}"))
    symbol = draws.pick("xyzabcnmtk")
    if ascii_only:
        return draws.pick((f"{factor}{symbol}^{draws.between(2, 4)}", f"{factor}{symbol}", f"{factor}({symbol} + 1)"))
    root = f"√({symbol} + {draws.between(1, 9)})"
    square = f"{factor}{symbol}{draws.pick('²³')}"
    return draws.pick((square, square, f"{factor}{draws.pick(_GREEK)}{symbol}", root, f"sin {symbol}°", "∞"))
