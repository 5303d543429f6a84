"""A Python peer's side of bench/process-contender.ts: one JSON object a line in, one a line out."""
import json
import sys
import time


def burst(work, milliseconds):
    """The times of calls one after the other, as many as fit, at least one; and the processor time of all threads meanwhile."""
    times = []
    before = time.process_time()
    end = time.perf_counter() + milliseconds / 1000
    while True:
        start = time.perf_counter()
        work()
        now = time.perf_counter()
        times.append((now - start) * 1000)
        if now >= end:
            return {"times": times, "cpu": (time.process_time() - before) * 1000}


def serve(version, rows, use_threads):
    """Serves rows until stdin ends. Each row is a function that gets ready and gives the work."""

    def answer(request):
        name = request["row"]
        if request["ask"] == "prepare":
            prepared.clear()
            if name not in rows:
                return {"cannot": "not written for this library"}
            prepared[name] = rows[name]()
            return {"ok": True}
        use_threads(request["threads"])
        return burst(prepared[name], request["milliseconds"])

    prepared = {}
    print(json.dumps({"version": version}), flush=True)
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except Exception as error:  # The benchmark goes on without this row.
            reply = {"cannot": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)
