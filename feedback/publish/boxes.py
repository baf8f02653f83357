"""The figures that a page may call by name, each a quiet line."""

import re
from collections.abc import Callable
from datetime import timedelta
from posixpath import relpath

from feedback.domain.outcomes import Said
from feedback.domain.published import INTERACTIONS, Figures, Gap, Spread, Times
from feedback.domain.rates import FEWEST, FEWEST_FOR_EXTREMES, Rate, percent
from feedback.domain.surveys import REASONS, SETTLED_AFTER, Choice, Stage
from feedback.domain.timing import span_in_words
from feedback.publish import counted
from feedback.publish.counted import About
from feedback.publish.texts import plain
from feedback.publish.words import STEPS, WHY_FEW, bucket, day, days, interval

NO_GAP = (
    f"Nothing yet. The widest gaps will stand here once a step is known of {FEWEST_FOR_EXTREMES} customers of a topic."
)

_REPURCHASE_DAYS = 90


def box(words: str, about: About, page: str) -> str:
    """Words in a quiet box on a page, with the way to how they were counted."""
    link = f'<a href="{_address(counted.PAGE, page)}#{about.anchor}">{counted.TITLE}</a>'
    whole = words.replace(" %", "\u00a0%")  # no line begins with the sign
    return f'<p class="figure">{whole} {link}</p>'


def in_a_box(rate: Rate, verb: str, of_what: str, about: About, page: str, of: int = 0) -> str:
    """A rate that no page may call by name; when it is about, the page says. `of` is how many there are, if told."""
    none = f"Nothing yet. What share {verb} will stand here from {FEWEST} customers on."
    when = f"known of {rate.n:,} of {of:,}" if of > rate.n else ""
    return box(_rate(rate, verb, of_what, none, share="<strong>{}</strong>", when=when), about, page)


def named_box(name: str, figures: Figures, page: str) -> str:
    """The one of FIGURES that a page calls."""
    said, about = _FIGURES[name]
    return box(said(figures), about, page)


def solved(figures: Figures, share: str = "{}") -> str:
    """The headline; `share` is what the share is set in."""
    none = f"No answers yet. The share solved will stand here from {FEWEST} customers on."
    when = f"resolved {days(figures.first_day, figures.solved_until)}"
    return _rate(figures.solved.rate, "solved", "answers", none, share=share, when=when)


def _solved(figures: Figures) -> str:
    return solved(figures, "<strong>{}</strong>")


def _answered(figures: Figures) -> str:
    none = f"No survey is {SETTLED_AFTER.days} days old yet. The share answered will stand here from {{}} customers on."
    return _recent(figures, figures.response, "answered", "surveys", none)


def _first_reply(figures: Figures) -> str:
    within = span_in_words(figures.target)
    none = (
        f"No first reply is known yet. The share within {within} will stand here from {{}} customers on, once cases "
        "come in with the time of their first reply."
    )
    measure = figures.first_reply
    return _recent(figures, measure.rate, f"had a first reply within {within}", "cases", none, measure.of)


def _named_in_letters(figures: Figures) -> str:
    none = "No survey's mail is old enough yet. The share that greets by name will stand here from {} customers on."
    return _recent(figures, figures.letters.named, "of our mails could greet by name", "mails", none)


def _opt_outs(figures: Figures) -> str:
    none = "No survey's mail is old enough yet. The share who opted out will stand here from {} customers on."
    return _recent(figures, figures.letters.opted_out, "of our mails led to an opt-out", "mails", none)


def beyond_two(figures: Figures) -> str:
    none = (
        f"It is not known yet how many contacts cases take. The share will stand here from {FEWEST_FOR_EXTREMES} "
        "customers on, once cases come in with their interactions."
    )
    spread = figures.interactions
    rate = bucket(spread, len(INTERACTIONS) - 1)
    return _recent(figures, rate, "took more than two interactions", "cases", none, spread.of)


def gap_in_words(gap: Gap) -> str:
    """For a page in Markdown or HTML."""
    times, topic = gap.times, "Cases without a topic" if gap.topic is None else f"Topic {plain(gap.topic)}"
    lower, middle, upper = (span_in_words(one or timedelta()) for one in (times.lower, times.median, times.upper))
    cases = f"{times.n:,} of {times.of:,}" if times.of > times.n else f"{times.n:,}"
    return (
        f"<strong>{topic}, {STEPS[gap.step]}: half of them within {middle}</strong>; the middle half took {lower} to "
        f"{upper}; {cases} cases, {times.customers:,} customers."
    )


def _widest_gap(figures: Figures) -> str:
    if not figures.journey.gaps:
        return unsettled(figures) or NO_GAP
    when = f"Cases resolved {days(figures.first_day, figures.last_day)}."
    return f"{gap_in_words(figures.journey.gaps[0])} {when}"


def _recovery(figures: Figures) -> str:
    none = "Nobody has answered “Is it solved now?” yet. The share of yes will stand here from {} customers on."
    measure = figures.follow_ups.recovery
    return _recent(figures, measure.rate, "solved at the second try", "answers", none, measure.of)


def _time_to_contact(figures: Figures) -> str:
    none = (
        "Nobody who said no was contacted yet. How long that takes will stand here from "
        f"{FEWEST_FOR_EXTREMES} customers on."
    )
    when = f"resolved {days(figures.first_day, figures.last_day)}"
    return _times(figures.follow_ups.first_contact, unsettled(figures) or none, when)


def _times(times: Times, none: str, when: str) -> str:
    if times.lower is None or times.median is None or times.upper is None:
        if times.hidden:
            return f"Too few contacts to show (fewer than {FEWEST_FOR_EXTREMES} customers)."
        return none
    lower, middle, upper = map(span_in_words, (times.lower, times.median, times.upper))
    return (
        f"<strong>Half of them within {middle}</strong>; the middle half took {lower} to {upper}; "
        f"{times.n:,} of {times.of:,} follow-ups, {times.customers:,} customers, {when}."
    )


def _stage(stage: Stage) -> Callable[[Figures], str]:
    def said(figures: Figures) -> str:
        no, yes = figures.reasons_no, figures.reasons_yes
        if not any((no.n, no.hidden, yes.n, yes.hidden)):
            return unsettled(figures) or (
                "Nobody has given a reason yet. What customers ticked about this stage will stand here from "
                f"{FEWEST_FOR_EXTREMES} customers on."
            )
        told = [_reason(spread, choice, stage) for spread, choice in ((no, Choice.NO), (yes, Choice.YES))]
        return f"{' '.join(told)} Cases resolved {days(figures.first_day, figures.last_day)}."

    return said


def _reason(spread: Spread, choice: Choice, stage: Stage) -> str:
    beside = f"Of those who said {choice} and gave reasons"
    if spread.hidden or spread.n == 0:
        few = f"too few to show (fewer than {FEWEST_FOR_EXTREMES} customers)"
        return f"{beside}: {few if spread.hidden else 'none yet'}."
    rate = bucket(spread, [*Stage].index(stage))
    return (
        f"{beside}, <strong>{percent(rate.share)} %</strong> ({interval(rate)}), {rate.count:,} of {rate.n:,}, "
        f"ticked “{REASONS[choice][stage]}”."
    )


def _repurchase(figures: Figures) -> str:
    within = next((one for one in figures.outcomes.within if one.days == _REPURCHASE_DAYS), None)
    if within is None:
        return (
            "No purchases are known yet. What share of those who said yes, and of those who said no, bought again "
            f"within {_REPURCHASE_DAYS} days will stand here from {FEWEST} customers of each on."
        )
    again = {group.said: group.again for group in within.groups}
    return " ".join(_bought_again(said, again[said]) for said in (Said.YES, Said.NO))


def _bought_again(said: Said, rate: Rate) -> str:
    if rate.hidden or rate.n == 0:
        few = f"too few to show ({WHY_FEW})" if rate.hidden else f"nobody was observed for {_REPURCHASE_DAYS} days yet"
        return f"Of those who said {said}, {few}."
    return (
        f"<strong>{percent(rate.share)} % of those who said {said} bought again</strong> within {_REPURCHASE_DAYS} "
        f"days ({interval(rate)}), {rate.count:,} of {rate.n:,} customers."
    )


def _recent(figures: Figures, rate: Rate, verb: str, of_what: str, none: str, of: int = 0) -> str:
    """`of` is how many there are, known or not; 0 if that is not told."""
    when = f"resolved {days(figures.first_day, figures.last_day)}"
    if of > rate.n:
        when = f"known of {rate.n:,} of {of:,}, {when}"
    none = unsettled(figures) or none.format(FEWEST)
    return _rate(rate, verb, of_what, none, share="<strong>{}</strong>", when=when)


def unsettled(figures: Figures) -> str:
    """What stands in place of a figure of settled cases while there are only younger ones; "" afterwards."""
    settles_on = figures.settles_on
    if settles_on is None:
        return ""
    return f"Nothing that counts here is settled yet; the first cases will be on {day(settles_on)}."


def _rate(rate: Rate, verb: str, of_what: str, none: str, *, share: str, when: str) -> str:
    if rate.hidden:
        return f"Too few {of_what} to show ({WHY_FEW})."
    if rate.n == 0:
        return none
    return (
        f"{share.format(f'{percent(rate.share)} % {verb}')} ({interval(rate)}), "
        f"{rate.count:,} of {rate.n:,} {of_what}, {rate.customers:,} customers{', ' if when else ''}{when}."
    )


def _address(target: str, page: str) -> str:
    """How a page links to another in plain HTML: each page is a folder, as its address is."""
    here, there = (re.sub(r"(^|/)(index|README)$", "", path.removesuffix(".md")) for path in (page, target))
    return f"{relpath(there or '.', here or '.')}/"


_FIGURES: dict[str, tuple[Callable[[Figures], str], About]] = {
    "solved-rate": (_solved, About.SOLVED),
    "response-rate": (_answered, About.ANSWERED),
    "first-reply": (_first_reply, About.FIRST_REPLY),
    "greeted-by-name": (_named_in_letters, About.MAILS),
    "beyond-two": (beyond_two, About.INTERACTIONS),
    "widest-gap": (_widest_gap, About.WAITS),
    "recovery-rate": (_recovery, About.RECOVERY),
    "time-to-contact": (_time_to_contact, About.CONTACT),
    "opt-outs": (_opt_outs, About.MAILS),
    "repurchase": (_repurchase, About.COMING_BACK),
    **{f"stage-{stage}": (_stage(stage), About.REASONS) for stage in Stage},
}
FIGURES = tuple(_FIGURES)
