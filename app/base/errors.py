"""Errors, named after who must act. A refusal is an event and a failed submit an outcome; neither is raised."""


class AppError(Exception):
    """Something expected went wrong; it is caught where someone can act."""


class OperatorActionNeeded(AppError):
    """A person must put something right (a key, a mode, a full disk) before this can go on: hold and show."""


class Retryable(AppError):
    """It may well work later (a read timed out, maintenance, a rate limit): back off and try again."""


class LimitsUsedUp(Retryable):
    """Our own count of the exchange's limits leaves no room yet: nothing was tried."""


class InvalidSignal(AppError):
    """The sender's mistake, answered with a 4xx that names the field."""


class InvariantBroken(Exception):
    """A bug in our own reasoning, kept apart so that no `except AppError` swallows it: halt and keep the evidence."""
