"""An owner's colour, made legible: contrast as WCAG 2.2 (1.4.3) computes it."""

from dataclasses import dataclass
from functools import cache

from feedback.config import OURS

GROUND = "#fbf9f6"
GROUND_DARK = "#12181b"
WHITE = "#ffffff"
ENOUGH = 4.5  # of text on its ground
_STEPS = 100


@dataclass(frozen=True, slots=True)
class Accent:
    """The colour of links and of “yes” on the light and on the dark ground, legible there and under its own label."""

    light: str
    dark: str


def contrast(one: str, other: str) -> float:
    """The ratio of two colours `#rrggbb`, from 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@cache
def accent(brand: str) -> Accent:
    """The brand's colour, darkened for the light ground and lightened for the dark one until it passes."""
    if brand == OURS:
        return Accent(OURS, "#4db6ac")
    return Accent(_until_legible(brand, "#000000", (GROUND, WHITE)), _until_legible(brand, WHITE, (GROUND_DARK,)))


def correction(brand: str) -> str | None:
    """What an owner should know of the colour; None if it is used as it is."""
    found = accent(brand)
    if brand == OURS or found.light == brand:
        return None
    return (
        f"FEEDBACK_COLOUR: {brand} cannot be read well on a light ground ({contrast(brand, GROUND):.1f}:1, and "
        f"{ENOUGH}:1 is needed); mails and pages have {found.light} in its place "
        f"({contrast(found.light, GROUND):.1f}:1)."
    )


def _until_legible(colour: str, towards: str, grounds: tuple[str, ...]) -> str:
    steps = (_mixed(colour, towards, step / _STEPS) for step in range(_STEPS + 1))
    return next(mixed for mixed in steps if all(contrast(mixed, ground) >= ENOUGH for ground in grounds))


def _mixed(colour: str, other: str, share: float) -> str:
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(mine + (theirs - mine) * share):02x}" for mine, theirs in pairs)


def _luminance(colour: str) -> float:
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in _channels(colour))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _channels(colour: str) -> tuple[int, int, int]:
    number = int(colour.removeprefix("#"), 16)
    return number >> 16, number >> 8 & 255, number & 255
