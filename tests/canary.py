"""A value that a test looks for in all that is shown, and finds nowhere."""

import base64
import pickle
import traceback
from collections.abc import Callable
from urllib.parse import quote

from htcgrid.errors import HtcGridError

#: Its halves are looked for, too, in any case: no error may tell a part.
CANARY = "KanarienvogelGelb"
_HALVES = ("kanarienvogel", "vogelgelb")


def shown_by(error: BaseException) -> str:
    """Return all that an error can show: itself, those behind it, and what their frames hold."""
    told: list[str] = []
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or any(one is other for other in seen):
            continue
        seen.append(one)
        waiting += [one.__cause__, one.__context__]
        told += [str(one), repr(one), repr(one.args), repr(vars(one))]
        lines = traceback.TracebackException.from_exception(one, capture_locals=True).format()
        # The tests' own frames have the value on purpose.
        told += [line for line in lines if "/tests/" not in line]
    told.append(repr(pickle.dumps(error)) if isinstance(error, HtcGridError) else "")
    return "\n".join(told)


def hold_hidden(shown: str) -> None:
    """Hold that nothing of the canary is in what was shown, in whatever way it is written."""
    lowered = shown.lower()
    for half in _HALVES:
        forms = {half, quote(half), half.encode().hex(), half.encode("utf-16-le").hex(), half[::-1]}
        assert not [form for form in forms if form in lowered], shown
    for word in (CANARY, CANARY.lower()):
        # At each of the places where it may begin in three bytes.
        for before in ("", "x", "xx"):
            form = base64.b64encode((before + word).encode()).decode()[4:-4]
            assert form not in shown, shown


def outcome_of(call: Callable[[], object]) -> str:
    """Return what a call shows: what it returns, or how it fails."""
    try:
        return repr(call())
    except Exception as error:  # noqa: BLE001 - whatever it is
        return shown_by(error)
