"""Measure joblib, by its own Python: ``python -m benchmarks.peers.joblib.measure_captured KIND WORKERS cold|warm``."""

import json
import sys
import time

import joblib

from benchmarks.peers.joblib.capturing import CALLS, capturing, expected

if __name__ == "__main__":
    kind, workers, warm = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "warm"
    function = capturing(kind)
    began = time.perf_counter()
    with joblib.Parallel(n_jobs=workers) as parallel:
        if warm:
            # The workers have begun by then.
            parallel(joblib.delayed(abs)(number) for number in range(100))
            began = time.perf_counter()
        found = parallel(joblib.delayed(function)(number) for number in range(CALLS))
        seconds = time.perf_counter() - began
    assert found == expected(kind)
    print(json.dumps({"version": joblib.__version__, "seconds": seconds}))
