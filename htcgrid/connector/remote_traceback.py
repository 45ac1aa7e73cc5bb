"""A traceback that is text, as the cause of an error."""

from htcgrid.plain_text import plain_lines


class RemoteTraceback(Exception):  # noqa: N818 - no error by itself; named as the one of concurrent.futures
    """The traceback of the worker, as the cause of the error that was raised there."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        # Python prints it as it is.
        text = "\n".join(plain_lines(self.text))
        return f'\n"""\n{text}"""'
