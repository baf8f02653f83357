"""How we count, in words for people who have never heard of an interval."""

from enum import StrEnum
from posixpath import dirname, relpath

from feedback.config import Config
from feedback.domain.faq_gaps import MANY_CASES, Gap
from feedback.domain.published import Figures
from feedback.domain.rates import FEWEST, FEWEST_FOR_EXTREMES
from feedback.domain.surveys import SETTLED_AFTER
from feedback.domain.timing import duration_in_words, span_in_words
from feedback.publish.words import FEW, NONE, day, days, span, stretch

PAGE, TITLE = "how-we-count.md", "How we count"


class About(StrEnum):
    """The measures that it explains, each under its own heading."""

    SOLVED = "Solved"
    ANSWERED = "Answered"
    FIRST_REPLY = "First reply"
    INTERACTIONS = "Interactions and calls"
    WAITS = "Waits"
    REASONS = "Reasons"
    CONTACT = "Time to first contact"
    RECOVERY = "Solved at the second try"
    MAILS = "The mails"
    FAQ = "The FAQ"
    COMING_BACK = "Who comes back"

    @property
    def anchor(self) -> str:
        return self.lower().replace(" ", "-")


def link(about: About, page: str) -> str:
    """The way there from a page that is written in Markdown."""
    return f"[{TITLE}]({relpath(PAGE, dirname(page) or '.')}#{about.anchor})"


def files(figures: Figures, config: Config) -> dict[str, str]:
    return {PAGE: _page(figures, config)}


def _page(figures: Figures, config: Config) -> str:
    after = SETTLED_AFTER.days
    return f"""# {TITLE}

Every figure on this site is counted anew each morning from single answers. This page says how, and what the figures
cannot tell.

## What a figure says

“72 % solved (65–78 %), 184 of 256 answers” reads: of 256 answers, 184 said yes; that is 72 of 100. The two numbers in
brackets say how far chance may have moved the 72.

“Known of 150 of 184 cases” reads: of the other 34 the help desk did not tell us, and we leave them out.

### {About.SOLVED}

Of the answers, how many say yes. We ask {duration_in_words(config.delay)} after a case was resolved. Silence is neither
a yes nor a no, and whoever changes an answer counts with the last one. Opening the link counts nothing; only a tap on
the page does.

### {About.ANSWERED}

Of the surveys that went out and did not come back, how many were answered. Only those that are {after} days old count,
for younger ones may still be.

### {About.FIRST_REPLY}

Of the cases whose first reply we know the time of, how many had it within {span_in_words(figures.target)}. A case that
was opened again counts once.

### {About.INTERACTIONS}

How many contacts it took until the case was called solved, as the help desk says. A follow-up became a call by the rule
of two: after two tries that did not help, or once the customer said no again.

### {About.WAITS}

How long a step took, from one moment of a case to the next, by the clock: nights and weekends are in it. Cases of which
one of the two moments is not known are left out, as are those whose clocks disagree. Line them up from the shortest to
the longest: “half within” is the wait of the middle one, and “the middle half” leaves out the shortest and the longest
quarter. Opening, first reply and “solved” count once for each case; an answer counts with the first one given. A step
that has not come to its end is not in it.

A wide gap is the middle wait times the number of cases of a topic that waited. It is looked for among the steps that
are ours to shorten, and only among what is shown. Where most first replies of a topic are known, the way until solved
counts as two steps, else as one.

### {About.REASONS}

What customers ticked beside their yes or no. They may tick several, so the shares may add up to more than 100 %.

### {About.CONTACT}

From the “no” to the moment somebody was in touch. Line them up from fastest to slowest: the middle one is what we call
“half of them within”. What became of a follow-up is what staff noted when they closed it.

### {About.RECOVERY}

The recovery rate: once a follow-up is closed as solved, we ask again. Of those answers, how many say yes.

### {About.MAILS}

Of the mails that asked “Did we solve it?”, or may have: after how many the customer wanted no more of them, how many
came back for good, and in how many we knew a name to greet by, and for how long somebody has been a customer.

### {About.FAQ}

Below each entry we ask whether it helped. Of the taps from {day(figures.first_day)} until now,
how many say yes. A visitor counts once a day and entry, with the last tap. We
keep nothing by which to know them again on another day, so who comes back counts again. Nobody logs in there, so
somebody who means to can bend these figures a little; how much is taken in a day is limited.

A topic has as many entries as name it. “{Gap.MANY.capitalize()}” are {MANY_CASES} or more; one that was opened again
counts once. A topic is {Gap.BADLY_SOLVED} where even its brackets lie below those of all cases.

### {About.COMING_BACK}

We know from when to when purchases are known. Each customer counts once, with the first case solved in that time about
which our mail reached them, or may have. Why the first: only who comes back has a second case, so to choose a later one
would be to choose by what came after. They count as what they answered last; *recovered* is who said no, and yes when
we asked again. *Silent* is who answered nothing.

Of those whose case was solved at least 30, 90 or 180 days before the last day on which a purchase is known, so many
bought again in those days. *Still buying* is who bought something in the last part of them. What each spent is the sum
of their purchases, less refunds, and nothing for who bought nothing; line the customers up by it: the upper number is
the one in the middle, and the middle half lies between the two below. The newest customers
of a group wait until there are ten of them, for the difference between two tables would give a few away. Whose data was
erased is in none of it.

## What the brackets mean

Ask ten customers of a hundred, and you may happen to meet the ten content ones. The brackets say how far off such
luck could be: if we could ask everybody, the true figure would lie between the two numbers about 19 times in 20. Few
answers make them wide, many make them narrow. Where the brackets of two figures overlap, do not call one better.

It does not help against people who are silent for a reason. If the content ones answer more often than the others, the
figure is too high, however narrow the brackets are. That is why the share who answered stands beside it.

For those who know statistics: these are Wilson's 95 % score intervals.

## Which time it is about

The day on which a case was *resolved* decides, by the clock of {config.zone.key}, not the day of the answer. The
figures are about the last {stretch(figures)} in which all answers are in: {days(figures.first_day, figures.last_day)}.

- The trend goes by the {span(figures)}. It is the shortest of a week, a month and 13 weeks in which we have enough
  answers to mean something; as there are more, or fewer, that can change.
- Pages of teams and topics go by whole stretches of {stretch(figures)}, for they have fewer answers.
- The headline “solved” is about newer cases as well, once there are enough of them.

**Provisional** means that answers may still come in, for the cases are younger than {after} days or so. Such periods
are drawn hollow, and are compared with nothing.

## When we say that something changed

Figures go up and down by luck alone. We say “up”, “down”, “higher” or “lower” only where luck would bring about such a
difference less than 1 time in 20, and we take into account that we looked at {figures.comparisons} differences today:
who looks often enough finds something. An arrow stands only where even the brackets do not overlap. “Steady” says
that the two lie within ten points, as sure as of one comparison by itself. Where we say nothing, nothing is known.

For those who know statistics: Fisher's exact test, corrected after Holm. People who answer several times are counted
as if they were several, so these tests are a little too sure.

Teams and topics stand by name. Nothing here ranks people, and differences have many causes: a team with the hard
cases has the low figure.

## What we hide, and why

Where few people are behind a figure, somebody could guess who said what. “{FEW.capitalize()}” stands in place of:

- figures from fewer than {FEWEST} customers;
- “all of them” and “none of them” from fewer than {FEWEST_FOR_EXTREMES} customers, for that speaks about every single
  one;
- tables of how something is spread, waits, and what customers spent, from fewer than {FEWEST_FOR_EXTREMES} customers;
  what they spent also where fewer than {FEWEST} bought anything, in all or in the last part of the time;
- who came back within a longer time, where that is about a few less customers than the shorter one: the difference
  would give those few away;
- one more figure where a total, less all others, would give the first away.

“{NONE.capitalize()}” is another thing: there is nobody behind it, so there is nothing to hide. The files for
spreadsheets and programs hide the same as the pages.

## What somebody could still find out

- **By comparing days and weeks.** Each build is safe by itself. Whoever keeps the pages of today and of tomorrow can
  see what one day has added, and if that was one answer, what it said; who keeps those of last week can see what a week
  has added to a stretch and what has left it, of a team as well. That is why figures change once a day and not with
  each answer.
- **By knowing some of it.** Who is a customer, and knows what they said, knows a little more about the rest.
- **By putting different tables together**: who knows of a single case that it was slow, and of a team that it had
  few slow ones, may draw conclusions.
"""
