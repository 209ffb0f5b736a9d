"""Our side: a coordinator and three workers as processes. The step counters of the survivors' /metrics tell when training stands still and when it goes on."""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
import urllib.request

WORKERS = 3
SWEEP = """
version: 1
name: recovery
dataset: { source: sprites, count: 4000, size: 28, holdout: 0.1, binarize: dynamic }
model: { encoder: [512, 256], latent: 16 }
training: { epochs: 100000, batch: 128, learning_rate: 1e-3, seed: 1 }
resources: { workers_per_pack: [1, 3], max_pack: 1 }
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Watch(threading.Thread):
    """Reads the step counter of one worker as often as is polite, and keeps when it changed."""

    def __init__(self, port, sweep):
        super().__init__(daemon=True)
        self.port, self.pattern, self.changes, self.stopped = port, re.compile(r"^vae_train_steps_total\{[^}]*\} (\S+)", re.M), [], False

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not self.stopped:
            connection.request("GET", "/metrics")
            found = self.pattern.search(connection.getresponse().read().decode())
            now, steps = time.monotonic(), float(found.group(1)) if found else 0
            if not self.changes or steps != self.changes[-1][1]:
                self.changes.append((now, steps))
            time.sleep(0.004)

    def pause(self, since):
        """The longest time without a step since then, its end as seconds after then, and whether it is over."""
        times = [since] + [at for at, _ in self.changes if at > since]
        gaps = [(later - earlier, later) for earlier, later in zip(times, times[1:])]
        return max(gaps) if gaps else (0, since)


class Ours:
    def __init__(self, vae):
        self.vae, self.home = os.path.abspath(vae), tempfile.mkdtemp(prefix="vae-recovery-")
        self.port, self.http = free_port(), free_port()
        self.coordinator = self.start("coordinator", "--port", str(self.port), "--http-port", str(self.http))
        self.wait("the coordinator", lambda: self.ask("/readyz") is not None)
        with open(os.path.join(self.home, "token"), encoding="utf-8") as token:
            self.token = token.read().strip()
        self.workers = {}
        self.started = 0
        for _ in range(WORKERS):
            self.start_worker()

    def start(self, *arguments):
        return subprocess.Popen([self.vae, *arguments, "--home", self.home], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=open(os.path.join(self.home, f"{arguments[0]}.log"), "a", encoding="utf-8"))

    def start_worker(self):
        """Always a new name: a worker whose processes die soon after they joined is quarantined, as it should be."""
        self.started += 1
        name, port = f"node-{self.started}", free_port()
        process = self.start("worker", "--coordinator", f"127.0.0.1:{self.port}", "--name", name, "--token-file", os.path.join(self.home, "token"),
                             "--threads", "1", "--lanes", "1", "--device", "cpu", "--http-port", str(port))
        self.workers[name] = (process, port)
        self.wait(name, lambda: f'vae_worker_up{{worker="{name}"}} 1' in (self.ask("/metrics") or ""))

    def ask(self, path, method="GET", body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", method=method, data=body)
        if path.startswith("/api"):
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.read().decode()
        except OSError:
            return None

    def wait(self, what, holds, seconds=60):
        until = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > until:
                raise RuntimeError(f"{what} did not come within {seconds} s; the logs are in {self.home}")
            time.sleep(0.05)

    def trial(self, sweep):
        trials = json.loads(self.ask(f"/api/v1/sweeps/{sweep}") or "{}").get("trials", [])
        return trials[0] if trials else {"workers": [], "attempts": 0}

    def kill_one(self, chance):
        sweep = json.loads(self.ask("/api/v1/sweeps", "POST", SWEEP.encode()))["id"]
        self.wait("a gang of three", lambda: len(self.trial(sweep)["workers"]) == WORKERS)
        gang = self.trial(sweep)["workers"]
        victim = chance.choice(gang)
        watches = [Watch(port, sweep) for name, (_, port) in self.workers.items() if name != victim]
        for watch in watches:
            watch.start()
        self.wait("its first steps", lambda: all(watch.changes and watch.changes[-1][1] > 30 for watch in watches))
        time.sleep(chance.uniform(0, 0.3))
        before = {name: process.pid for name, (process, _) in self.workers.items() if name != victim}
        killed = time.monotonic()
        os.kill(self.workers[victim][0].pid, signal.SIGKILL)
        goal = [watch.changes[-1][1] + 60 for watch in watches]
        self.wait("its steps after the loss", lambda: all(watch.changes[-1][1] > steps for watch, steps in zip(watches, goal)))
        for watch in watches:
            watch.stopped = True
        for watch in watches:
            watch.join()
        pauses = [watch.pause(killed) for watch in watches]
        alive = all(self.workers[name][0].poll() is None and self.workers[name][0].pid == pid for name, pid in before.items())
        attempts = self.trial(sweep)["attempts"]
        self.ask(f"/api/v1/sweeps/{sweep}", "DELETE")
        self.workers.pop(victim)[0].wait()
        self.start_worker()
        stored, last = self.points(sweep)
        return {"rank": gang.index(victim), "recovery_s": max(end - killed for _, end in pauses), "survivors_kept": alive, "attempts": attempts, "steps_lost": last - stored}

    def points(self, sweep):
        """Distinct steps that are stored, and the number of the last: they are equal when none was lost."""
        self.wait("the end of the sweep", lambda: '"state":"cancelled"' in (self.ask(f"/api/v1/sweeps/{sweep}") or ""))
        seen = None
        while True:  # Points travel on their own way: wait until no more come.
            with sqlite3.connect(f"file:{self.home}/coordinator.db?mode=ro", uri=True) as store:
                now = store.execute("SELECT count(DISTINCT step), coalesce(max(step), 0) FROM train_step WHERE series IN (SELECT id FROM series WHERE sweep = ?)", (sweep,)).fetchone()
            if now == seen:
                return now
            seen = now
            time.sleep(0.6)

    def close(self):
        for process, _ in self.workers.values():
            process.kill()
        self.coordinator.kill()
        shutil.rmtree(self.home, ignore_errors=True)
