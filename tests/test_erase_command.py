import pytest

from tests.conftest import Workplace
from tests.test_cli import write_case


@pytest.fixture
def with_ada(workplace: Workplace) -> Workplace:
    write_case(workplace, name="Ada")
    workplace.feedback("import", "cases", "cases.json")
    return workplace


def test_erase_says_what_is_known_asks_and_says_what_still_holds_it(with_ada: Workplace) -> None:
    with_ada.feedback("backup")
    told = with_ada.feedback("erase", "Ada@Example.org", typed="y\n")
    assert "Known by Ada@Example.org: 1 customer, 1 case." in told
    assert "Erase what tells who it is? This cannot be undone. [y/N]" in told
    assert "Erased: 1 customer, 1 case. Nothing about this person is taken in from now on." in told
    assert "The address is still in these files" in told
    assert ".tar.gz" in told
    assert "There is no case 1001" in with_ada.feedback("explain", "1001", status=1)


def test_without_a_yes_nobody_is_erased(with_ada: Workplace) -> None:
    with_ada.feedback("erase", "ada@example.org", typed="\n", status=1)
    assert "Ada <ada@example.org>" in with_ada.feedback("explain", "1001")


def test_an_import_tells_how_many_were_left_out(with_ada: Workplace) -> None:
    with_ada.feedback("erase", "ada@example.org", "--yes")
    told = with_ada.feedback("import", "cases", "cases.json")
    assert "Cases: 1 skipped; 0 rows refused." in told
    assert "1 × skipped, for what we knew of the person was erased" in told


def test_what_is_no_address_is_told(workplace: Workplace) -> None:
    assert "'ada' is no address. Give the one" in workplace.feedback("erase", "ada", "--yes", status=1)
