"""A Python peer's side of bench/process-contender.ts: one JSON object a line in, one a line out."""
import json
import sys
import time


def settle():
    """Waits until the threads of this process have come to rest: those of OpenMP spin on for up to a fifth of a second, and hold a core of whoever is next."""
    for _ in range(100):
        before = time.process_time()
        time.sleep(0.01)
        if time.process_time() - before < 0.002:
            return


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
            cpu = (time.process_time() - before) * 1000
            settle()
            return {"times": times, "cpu": cpu}


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
