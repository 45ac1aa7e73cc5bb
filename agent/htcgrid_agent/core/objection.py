"""What an agent refuses to run: it says why, and the tasks fail with that."""

from htcgrid.model import Claim, Failure, PythonClient, defaults, python_client
from htcgrid.model.call import FORMER_PICKLED_CALL, PICKLED_CALL
from htcgrid.model.codec import PICKLE
from htcgrid.model.handlers import allows
from htcgrid_agent.core.policy import AgentPolicy


def objection(policy: AgentPolicy, claim: Claim) -> Failure | None:
    """Return why an agent will not run a bundle, so that its tasks fail; None when it will."""
    handler = claim.session.handler
    client = python_client(claim.session.codec_options)
    travels = handler == PICKLED_CALL or client.function is not None
    if claim.lapses_alone >= defaults.LAPSES_ALONE:
        message = (
            f"{claim.lapses_alone} agents were lost, or stood still past their lease, while this task was all that "
            "was left of its bundle: it probably takes its agent along, by using up memory, killing processes or "
            "hanging the machine"
        )
        return Failure(type="AgentLost", message=message, final=True)
    if (travels or claim.session.codec == PICKLE) and not policy.pickle:
        message = (
            f"agent {policy.agent} does not unpickle, which can run any code; set 'pickle = true' in its "
            "[agent] if all who can submit may do that, or use another codec and a function that it can import"
        )
        return Failure(type="PickleNotAllowed", message=message, final=True)
    if (travels or handler == FORMER_PICKLED_CALL) and (failure := _other_version(policy, claim, client)):
        return failure
    if travels:
        # It does nothing by itself, and whoever may have any handler unpickle could run the same.
        return None
    if not allows(policy.handlers, handler):
        allowed = ", ".join(repr(pattern) for pattern in policy.handlers) or "none"
        message = f"handler {handler!r} is not allowed on agent {policy.agent}; 'handlers' in [agent]: {allowed}"
        return Failure(type="HandlerNotAllowed", message=message, final=True)
    return None


def _other_version(policy: AgentPolicy, claim: Claim, client: PythonClient) -> Failure | None:
    """Return why an agent cannot make a pickled call, if the client's htcgrid or Python is of another version."""
    session = claim.session
    if session.handler == FORMER_PICKLED_CALL and session.codec == PICKLE:
        message = (
            "this call was submitted by an older htcgrid, which sends the function with each call, and agent "
            f"{policy.agent} has it once per session: use the same version on both sides, and call it again"
        )
        return Failure(type="ClientTooOld", message=message, final=True)
    if session.handler != FORMER_PICKLED_CALL and client.version not in {"", policy.python}:
        message = (
            f"the client runs Python {client.version} and agent {policy.agent} Python "
            f"{policy.python}: a pickled function holds code of its own version; run the same on both, or "
            "name a function that agents can import"
        )
        return Failure(type="PythonMismatch", message=message, final=True)
    return None
