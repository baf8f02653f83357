"""What can go wrong, in words. `loop`, `store` and `mail` raise these; `cli` and `web` translate them."""

from datetime import timedelta


class FeedbackError(Exception):
    """Something failed in a way we foresaw; the message says what happened and what to do."""


class ConfigError(FeedbackError):
    """A setting is missing, unknown or makes no sense."""


class FileError(FeedbackError):
    """A file cannot be used, or not to its end; the message says what of it was taken in, if anything was."""


class FieldError(FeedbackError):
    """One field of one record cannot be used: `field`, what was `given`, what was `expected`."""

    def __init__(self, field: str, given: object, expected: str) -> None:
        shown = str(given)
        self.field = field
        self.given = shown if len(shown) <= 200 else f"{shown[:200]}… ({len(shown):,} characters)"
        self.expected = expected
        super().__init__(f"{field}: given {self.given!r}, expected {expected}")


class NotFound(FeedbackError):
    """What was asked for is not in the database."""


class Refused(FeedbackError):
    """The rules of the business do not allow this now."""


class Overtaken(Refused):
    """It was changed meanwhile, by whoever did so elsewhere."""


class TooMany(Refused):
    """There is a limit, and it is reached; more is taken after `wait`."""

    def __init__(self, words: str, wait: timedelta) -> None:
        self.wait = wait
        super().__init__(words)


class StoreError(FeedbackError):
    """The database cannot be read or written."""


class DatabaseDamaged(StoreError):
    """The file is no database, or not a whole one any more."""


class PendingMigrations(StoreError):
    """The database is older than this program."""


class MailRefused(FeedbackError):
    """The mail server refused this one message.

    `temporary` if it may take it later, `no_such_address` if it said that nobody has the address.
    """

    def __init__(self, words: str, *, temporary: bool, no_such_address: bool = False) -> None:
        self.temporary = temporary
        self.no_such_address = no_such_address
        super().__init__(words)


class HandOverCancelled(FeedbackError):
    """The message was withdrawn between the claim and the moment of handing it over."""


class TransportDown(FeedbackError):
    """No mail can be handed over at all now: no connection, no login, no disk."""


class InboxDown(FeedbackError):
    """The mailbox where mail comes back to cannot be read now."""


class DeliveryUnknown(FeedbackError):
    """The message was handed over, and the connection ended before the server answered."""


class PublishError(FeedbackError):
    """The site could not be built; the old one stays."""
