"""A drill: checkable work on a real grid, whose agents, workers, hints and clients are struck meanwhile.

``htcgrid drill`` runs it. :mod:`.drill` ties it together: a :class:`~.plan.Plan` says what is to happen, a client of
its own submits and reads (:mod:`.client`), a :class:`~.striker.Striker` strikes, workers note each run (:mod:`.notes`),
and a :class:`~.verdict.Judge` finds out from all :mod:`.evidence` whether every promise was kept.
"""
