"""Errors of the caller's code, as they are logged: where they are raised, nobody can be given them."""

import logging

from htcgrid.model.error_text import frames_of, is_plain, traceback_of


def log_error(logger: logging.Logger, error: BaseException, message: str, *args: object) -> None:
    """Log an error with its traceback; of one that logging could not show, what can be shown of it."""
    if is_plain(error):
        logger.error(message, *args, exc_info=error)
    else:
        logger.error(f"{message}\n%s", *args, traceback_of(error, frames_of(error)))  # noqa: G004 - of our own
