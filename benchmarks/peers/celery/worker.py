"""The application of Celery's workers, whose command line finds it by name and so needs it made at import."""

from benchmarks.peers.celery.measure import application

app, _ = application()
