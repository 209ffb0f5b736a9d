"""Runs sweeps of one trial with and without checkpoints, kills or stops and resumes them, and appends one reading per run. Only the standard library."""
import argparse, contextlib, glob, json, os, re, shutil, signal, sqlite3, subprocess, tempfile, time

p = argparse.ArgumentParser()
p.add_argument("--vae", required=True)
p.add_argument("--readings", required=True)
p.add_argument("--rounds", type=int, default=5)
p.add_argument("--case", choices=("small", "large"))
p.add_argument("--only", choices=("overhead", "kill", "stop"))
a = p.parse_args()

# Encoder, side of the images, epochs of 16 steps. Long enough for two checkpoints at the pace of the default budget.
CASES = {"small": ("512, 128", 16, 1_000), "large": ("2048, 1024", 32, 60)}
STORED = re.compile(r"checkpoint at position (\d+) stored, (\d+) bytes; training stood still for ([\d.]+) ms, writing took ([\d.]+) ms of a processor and (\d+) ms in all")


class Home:
    def __init__(self, case, budget):
        self.path = tempfile.mkdtemp(prefix="vae-checkpoint-")
        encoder, size, epochs = CASES[case]
        share = "" if budget is None else f", checkpoint_budget: {budget}"
        self.file = os.path.join(self.path, "sweep.yaml")
        with open(self.file, "w") as file:
            file.write(f"""version: 1
name: checkpoint
dataset: {{ source: sprites, count: 1250, size: {size}, holdout: 0.2, binarize: dynamic }}
model: {{ encoder: [{encoder}], latent: 4 }}
training: {{ epochs: {epochs}, batch: 64, learning_rate: 1e-3, seed: 3, evaluate_every: {max(1, epochs // 10)} }}
search:
  method: grid
  parameters:
    training.beta: {{ values: [1] }}
resources: {{ workers_per_pack: 1, max_pack: 1, lanes: 1, balance: even{share} }}
""")

    def start(self, *arguments):
        return subprocess.Popen([a.vae, "sweep", *arguments, "--workers", "1", "--threads", "1", "--json", "--home", self.path],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True)

    def stored(self):
        """Checkpoints by the worker's log."""
        found = []
        for path in glob.glob(os.path.join(self.path, "logs", "*.log")):
            with open(path, errors="replace") as log:
                found += [{"bytes": int(m[2]), "still_ms": float(m[3]), "cost_ms": float(m[4]), "took_ms": float(m[5])} for m in STORED.finditer(log.read())]
        return found

    def steps(self, attempt):
        """First and last stored step of an attempt; None without any."""
        try:
            with contextlib.closing(sqlite3.connect(f"file:{self.path}/coordinator.db?mode=ro", uri=True, timeout=1)) as store:
                return store.execute("SELECT min(t.step), max(t.step) FROM train_step t JOIN series s ON s.id = t.series WHERE s.attempt = ?", (attempt,)).fetchone()
        except sqlite3.OperationalError:
            return (None, None)

    def close(self):
        shutil.rmtree(self.path, ignore_errors=True)


def events(process):
    for line in process.stdout:
        if line.startswith("{"):
            yield json.loads(line)


def workers_of(process):
    """Children of the command, by /proc: they must be killed with it."""
    found = []
    for status in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(status) as file:
                own, rest = file.read().split(" (", 1)
            if int(rest.rsplit(") ", 1)[1].split()[1]) == process.pid:
                found.append(int(own))
        except (OSError, IndexError, ValueError):
            continue
    return found


def end(process):
    """Whatever happened, nothing of ours goes on."""
    if process.poll() is None:
        for pid in workers_of(process) + [process.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    process.wait()


def train(case, budget):
    home = Home(case, budget)
    process = home.start("run", home.file)
    try:
        last = None
        for event in events(process):
            if event.get("type") == "evaluation":
                last = event
        if process.wait() != 0 or last is None:
            raise SystemExit(f"the sweep ended with {process.returncode}; see {home.path}")
        stored = home.stored()
        home.close()
        return {"kind": "overhead", "case": case, "budget": budget, "seconds": last["seconds"], "steps": last["step"], "stored": stored}
    finally:
        end(process)


def resume(case, kind):
    home = Home(case, None)
    process = home.start("run", home.file)
    sweep = None
    try:
        for event in events(process):
            if event.get("type") == "checkpoint_stored":
                sweep = event["sweep"]
                break
        if sweep is None:
            raise SystemExit(f"no checkpoint came; see {home.path}")
        time.sleep(2)  # Work that is lost with the processes.
        at = time.monotonic()
        if kind == "kill":
            end(process)
        else:
            os.killpg(process.pid, signal.SIGINT)  # As a terminal does.
            process.stdout.read()
            process.wait()
        stopped = time.monotonic() - at
        before = home.steps(1)[1]
    finally:
        end(process)
    at = time.monotonic()
    process = home.start("resume", sweep)
    try:
        while (first := home.steps(2)[0]) is None:
            if process.poll() is not None or time.monotonic() - at > 60:
                raise SystemExit(f"the sweep did not go on; see {home.path}")
            time.sleep(0.01)
        took = time.monotonic() - at
    finally:
        end(process)
    home.close()
    return {"kind": kind, "case": case, "stopped_s": stopped, "resume_s": took, "last_before": before, "first_after": first}


for turn in range(a.rounds):
    for case in [a.case] if a.case else CASES:
        runs = []
        if a.only in (None, "overhead"):
            budgets = [None, 0] if turn % 2 == 0 else [0, None]
            runs += [lambda budget=budget: train(case, budget) for budget in budgets]
        runs += [lambda kind=kind: resume(case, kind) for kind in ("kill", "stop") if a.only in (None, kind)]
        for run in runs:
            reading = run()
            print(json.dumps(reading), flush=True)
            with open(a.readings, "a") as file:
                file.write(json.dumps(reading) + "\n")
