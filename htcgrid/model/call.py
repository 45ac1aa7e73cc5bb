"""Calls of functions as tasks: what connector, agent and worker must agree on.

A session of calls names the function as its handler, so that agents allow or refuse it as any other, and each payload
is ``[args, kwargs]``; with codec ``bytes`` it is the one argument. Functions that have no name by which they could be
found travel pickled: then the handler is :data:`PICKLED_CALL`, and each payload is ``(function, args, kwargs)``.
"""

#: The handler that calls what its payload holds. Agents that unpickle allow it; those that do not refuse its codec.
PICKLED_CALL = "htcgrid_agent.runtimes.python.call:call"
