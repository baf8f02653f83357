"""The sample business: a maker's shop for coffee machines, invented from end to end. Data only."""

from dataclasses import dataclass

from feedback.domain.surveys import Choice, Stage
from feedback.domain.taps import Step

NAME = "Brightwell Coffee Machines"
DOMAIN = "brightwell.example"
ZONE = "Europe/Berlin"
COUNTRY = "DE"
SOURCE = "helpdesk"


@dataclass(frozen=True, slots=True)
class Topic:
    """What cases are about: `solved` is how often a first answer is “yes”, `hours` how long a solution takes."""

    name: str
    solved: float
    hours: float
    subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Team:
    """`unhappy` is what its customers say with a “no”, `helped` what the team writes when it has solved it."""

    name: str
    agents: tuple[str, ...]
    topics: tuple[Topic, ...]
    unhappy: tuple[str, ...]
    helped: tuple[str, ...]


TEAMS = (
    Team(
        "Workshop",
        ("Mara Lind", "Jonas Weber", "Aisha Karimi"),
        (
            Topic("Leaks and blockages", 0.66, 20, (
                "Water under the machine", "No coffee comes out, only steam", "Leaks from the left side",
                "Drips for minutes after each cup", "Pump hums, nothing comes",
            )),
            Topic("Grinder", 0.74, 14, (
                "Grinder is louder than before", "Beans get stuck", "Coffee has become far too coarse",
                "Grinder stops after two seconds", "Grounds are wet",
            )),
            Topic("Descaling", 0.83, 5, (
                "Descaling light stays on", "Which descaler may I use?", "Stuck at step three of descaling",
                "Water tastes of vinegar after descaling",
            )),
        ),
        (
            "Better than before, but it is not right yet.\nTwo good cups, then the same again.",
            "Same fault again, four weeks after the repair.",
            "It worked on Tuesday. Today it does it again.",
            "The part came, but nobody says how to fit it.",
        ),
        (
            "Called, went through it together, works since.",
            "Swapped the brew group in the workshop, tested fifty cups.",
            "Sent a new valve by express; fine since yesterday.",
        ),
    ),
    Team(
        "Orders",
        ("Tomás Rey", "Wei Zhang"),
        (
            Topic("Delivery", 0.72, 9, (
                "Parcel has not moved for four days", "Second box is missing", "Left at the wrong door",
                "Arrived with a dent", "Can it come on a Saturday?",
            )),
            Topic("Spare parts", 0.79, 11, (
                "Which gasket fits the BW-20?", "Drip tray for an older machine", "Milk hose is sold out",
                "Wrong brew group in the box",
            )),
            Topic("Returns", 0.77, 8, (
                "How do I send it back?", "Return label cannot be printed", "Refund has not come",
            )),
        ),
        (
            "Marked as solved, and nothing has come.",
            "Now I have two, and still not the right one.",
            "It took nine days, and then it was only a new appointment.",
        ),
        (
            "Found it at the depot, delivered today.",
            "Sent the right one by courier, let the wrong one be kept.",
            "Refunded by hand, sent the receipt.",
        ),
    ),
    Team(
        "Accounts",
        ("Ines Duarte", "Omar Haddad"),
        (
            Topic("Invoices", 0.86, 4, (
                "Invoice in the company's name", "Charged twice", "Old address on the invoice", "VAT number is missing",
            )),
            Topic("Warranty", 0.69, 16, (
                "Is this covered?", "Receipt is lost", "Third repair in one year", "Extend the warranty",
            )),
        ),
        (
            "Still wrong on the new one.",
            "You say it is settled. My bank says it is not.",
            "That was not my question.",
        ),
        (
            "Wrote a new one, checked every line with the customer.",
            "Called, found the mistake in our system, corrected it.",
        ),
    ),
)  # fmt: skip


BASKETS = ("6.50", "9.90", "14.90", "14.90", "27.80", "41.70", "64.00", "189.00")  # beans most of all
VISITS_EVERY = 45  # days, to the shop
BUYS = {Choice.YES: 0.42, None: 0.3, Choice.NO: 0.08}  # how often something is bought, by the newest answer


@dataclass(frozen=True, slots=True)
class Entry:
    """One of `faq/`: how many visitors a week say whether it helped, and how often it did."""

    name: str
    votes: int
    helps: float

    @property
    def address(self) -> str:
        return f"faq/{self.name}/"


@dataclass(frozen=True, slots=True)
class ShopPage:
    """A page of the shop that offers help, to how many visitors a week, and the entry that fits."""

    place: str
    offers: int
    entry: str


FAQ_SINCE = 8  # weeks; about leaks and warranty it says nothing yet
FAQ = (
    Entry("parcel", 7, 0.85),
    Entry("descaling-light", 5, 0.2),  # it describes one model, and customers have three
    Entry("stuck-grinder", 4, 0.7),
    Entry("which-part", 4, 0.75),
    Entry("invoice", 3, 0.9),
)
SHOP_PAGES = (
    ShopPage(f"https://shop.{DOMAIN}/checkout", 12, "faq/invoice/"),
    ShopPage(f"https://shop.{DOMAIN}/orders/not-found", 7, "faq/parcel/"),
)
HELP: dict[tuple[Step, ...], int] = {  # how far visitors go once it is shown, and how often in a hundred
    (): 56, (Step.OPENED,): 9, (Step.OPENED, Step.HELPED): 23, (Step.OPENED, Step.ASKED): 7, (Step.ASKED,): 5,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where customers live; every given name goes with every family name."""

    locale: str
    zone: str
    country: str
    given: tuple[str, ...]
    family: tuple[str, ...]


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


PLACES = (
    Place("de-DE", "Europe/Berlin", "DE", _names("Anna Lukas Sophie Jürgen Miriam Felix Katrin Paul Heike Malte"),
          _names("Schäfer Vogt Krüger Brandt Möller Seidel Horn Engel Thiele Hansen")),
    Place("de-AT", "Europe/Vienna", "AT", _names("Resi Florian Vroni Matthias Lena Georg"),
          _names("Gruber Steiner Moser Auer Leitner")),
    Place("en-GB", "Europe/London", "GB", _names("Grace Oliver Priya Callum Ruth Imran Hattie Desmond"),
          _names("Ashworth Patel Okafor Whitlock Rees Dunne")),
    Place("en-US", "America/New_York", "US", _names("Naomi Curtis Dolores Hank Shanice Ravi"),
          _names("Calloway Nguyen Ortega Beck Lowell")),
    Place("fr-FR", "Europe/Paris", "FR", _names("Élodie Thierry Maëlle Rachid Colette Yves Aurore Bastien"),
          _names("Marchand Lefèvre Benali Rousseau Picard")),
    Place("es-ES", "Europe/Madrid", "ES", _names("Lucía Andrés Pilar Íñigo Carmen Javier Rocío Pablo"),
          _names("Salas Iglesias Prieto Vidal Cano")),
    Place("it-IT", "Europe/Rome", "IT", _names("Giulia Marco Chiara Davide Paola"),
          _names("Ferraro Conti Bellini Greco Sala")),
    Place("nl-NL", "Europe/Amsterdam", "NL", _names("Sanne Bram Femke Joost Fatima Wouter"),
          _names("Visser Bakker Dekker Mulder Bos")),
    Place("pl-PL", "Europe/Warsaw", "PL", _names("Agnieszka Tomasz Zofia Łukasz Ewa"),
          _names("Nowak Zieliński Wrona Sikora Dudek")),
    Place("pt-PT", "Europe/Lisbon", "PT", _names("Inês Duarte Beatriz Rui Leonor"),
          _names("Teixeira Moreira Pinto Lopes Faria")),
    Place("sv-SE", "Europe/Stockholm", "SE", _names("Astrid Nils Ebba Gustav Amina"),
          _names("Lindqvist Berg Sjöberg Ekman Holm")),
    Place("ja-JP", "Asia/Tokyo", "JP", _names("Haruka Kenji Yui Daichi"), _names("Tanaka Mori Ishida Hara")),
)  # fmt: skip

CHANNELS = ("mail", "phone", "chat", "web form")

COMMENTS_NO: dict[Stage, tuple[str, ...]] = {  # of any team; else what the team's own customers say
    Stage.CONNECT: (
        "I had to explain it to three people, each time from the start.",
        "Nobody seemed to know that I had written before.",
        "The answer had nothing to do with my question.",
    ),
    Stage.ASSIST: (
        "I searched your site for an hour first. The manual shows another model.",
        "One picture would have saved us all of this.",
    ),
    Stage.ENHANCE: ("This is the second time. Please find the cause.",),
}
COMMENTS_YES: dict[Stage, tuple[str, ...]] = {
    Stage.CONNECT: ("You remembered what I bought. That was nice.", "Felt like talking to a person for once."),
    Stage.ASSIST: ("The little film on your site did it.", "I got the tip before I asked."),
    Stage.RESOLVE: (
        "One call and done.",
        "Fixed the same day, thank you!",
        "Quick, and explained so that I understood.",
    ),
    Stage.ENHANCE: ("Much better than last year.", "Solved for good this time."),
}

CALLS_TRIED = ("No answer, left a message.", "Line was busy, wrote a short mail as well.")
TALKED = (
    "Went through it step by step; one thing is still missing.",
    "Asked for a photo.",
    "Apologised, and took it over from the first team.",
)
CLOSED_NOT_SOLVABLE = (
    "Out of production, no part is left. Offered a trade-in.",
    "Not covered; explained why, in writing.",
)
CLOSED_NO_CONTACT = ("Three calls and two mails without an answer.",)


@dataclass(frozen=True, slots=True)
class Words:
    """What a customer whose case is still open has said."""

    stage: Stage
    comment: str
    phone: str = ""


LAST_WORDS = (
    Words(Stage.ENHANCE, "It is back again, and I need it for Saturday. Please call before noon.", "+49 30 5550 0142"),
    Words(Stage.RESOLVE, "You wrote that it is settled. Nothing has changed here."),
    Words(
        Stage.CONNECT, "I was told to write to another address, and there I was told to write here.", "+44 20 7946 0018"
    ),
)
