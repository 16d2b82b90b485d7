"""A system as a process of its own, with one request under way at a time."""

import json
import os
import select
import signal
import subprocess
import tempfile
import time


class Failure(Exception):
    """The system could not do what was asked of it."""


class Child:
    """Stopped while it is not its turn, so that a waiting thread that spins costs the others nothing."""

    def __init__(self, system, programs, threads, environment=None):
        self.system = system
        self.log = tempfile.TemporaryFile("w+")
        processors = sorted(os.sched_getaffinity(0))[:threads]
        variables = {**os.environ, **system.variables(threads), **(environment or {})}
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            system.command(programs),
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            # A system that asks how many processors there are is told the truth about this run.
            preexec_fn=lambda: os.sched_setaffinity(0, processors),
        )

    def ask(self, message, limit=1800.0):
        """Sends a request and waits for its reply, at most `limit` seconds."""
        self.resume()
        try:
            print(json.dumps(message), file=self.process.stdin, flush=True)
        except BrokenPipeError:
            raise Failure(f"ended early: {self.last_words()}") from None
        if not select.select([self.process.stdout], [], [], limit)[0]:
            raise Failure(f"no answer to `{message['do']}` within {limit:.0f} s")
        line = self.process.stdout.readline()
        if not line:
            raise Failure(f"ended early: {self.last_words()}")
        reply = json.loads(line)
        if "error" in reply:
            raise Failure(reply["error"])
        return reply

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def peak_memory(self):
        """Bytes that were resident at the most, in the process alone."""
        with open(f"/proc/{self.process.pid}/status") as status:
            peak = next(line for line in status if line.startswith("VmHWM:"))
        return int(peak.split()[1]) * 1024

    def last_words(self):
        self.log.seek(0)
        lines = self.log.read().strip().splitlines()
        return lines[-1] if lines else "nothing in its log"

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
