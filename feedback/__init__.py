"""Ask "Did we solve it?" a day after a help desk says "solved", act on every "no", publish what was learned."""

__version__ = "0.1.0"
