"""The measurements run; what they measure is told by `make bench`, never asserted."""

import pytest

from bench import deciding, desk, figures, imports, pages, publishing, purchases, sending


def test_each_measurement_gives_a_ratio_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "CASES", 200)
    for name, value in {"PURCHASES": 300, "CUSTOMERS": 100}.items():
        monkeypatch.setattr(purchases, name, value)
    for name, value in {"CASES": 300, "SLICE": 100, "HEAVY": 5}.items():
        monkeypatch.setattr(deciding, name, value)
    for name, value in {"FEW": 30, "MANY": 60, "OPEN": 10, "LOOKS": 1}.items():
        monkeypatch.setattr(desk, name, value)
    for name, value in {"SURVEYS": 40, "TIMES_MORE": 2, "GETS": 40, "POSTS": 40, "MANY": 40}.items():
        monkeypatch.setattr(pages, name, value)
    for name, value in {"MAILS": 20, "SLOW_MAILS": 4, "FEW": 1000, "MANY": 2000}.items():
        monkeypatch.setattr(sending, name, value)
    monkeypatch.setattr(figures, "ANSWERS", 300)
    measures = (imports, purchases, deciding, desk, figures, pages, publishing, sending)
    for measure in (part.measure for part in measures):
        for ratios in measure(1).values():
            assert len(ratios) == 1
            assert ratios[0] > 0
