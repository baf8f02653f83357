"""An owner's colour is legible, whatever it is; the ratios are those of WCAG's own examples."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.domain.colours import ENOUGH, GROUND, GROUND_DARK, WHITE, accent, contrast, correction


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#777777", "#ffffff", 4.48),
        ("#767676", "#ffffff", 4.54),
        ("#00695c", GROUND, 6.29),
    ],
)
def test_contrast_is_that_of_wcag(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == contrast(other, one) == pytest.approx(ratio, abs=0.005)


@given(st.integers(0, 0xFFFFFF))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_every_colour_becomes_legible_on_both_grounds_and_under_its_label(number: int) -> None:
    found = accent(f"#{number:06x}")
    assert contrast(found.light, GROUND) >= ENOUGH
    assert contrast(WHITE, found.light) >= ENOUGH
    assert contrast(found.dark, GROUND_DARK) >= ENOUGH


def test_a_colour_that_is_legible_stays_and_another_is_told() -> None:
    assert accent("#7a0019").light == "#7a0019"
    assert correction("#7a0019") is None
    assert correction("#00695c") is None
    told = correction("#ffeb3b")
    assert told is not None
    assert told.startswith(
        "FEEDBACK_COLOUR: #ffeb3b cannot be read well on a light ground (1.2:1, and 4.5:1 is needed)"
    )
    assert accent("#ffeb3b").light in told
    assert accent("#ffeb3b").dark == "#ffeb3b"
