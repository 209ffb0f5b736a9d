"""A sweep of small trials on two workers while its coordinator is killed again and again, beside the same sweep undisturbed. Only the standard library."""
import argparse, json, os, random, shutil, signal, socket, sqlite3, statistics, subprocess, sys, tempfile, threading, time, urllib.error, urllib.parse, urllib.request

p = argparse.ArgumentParser()
p.add_argument("--vae", required=True)
p.add_argument("--kills", type=int, default=200)
p.add_argument("--trials", type=int, default=60)
p.add_argument("--epochs", type=int, default=0, help="of a trial; 0 makes the sweep long enough for all kills")
p.add_argument("--gap", type=float, default=3.0, help="most seconds between a recovery and the next kill")
p.add_argument("--seed", type=int, default=1)
p.add_argument("--store", default="", help="URL of a database of a PostgreSQL server; each run makes one of its own beside it (needs psql). Default SQLite")
p.add_argument("--calm", default="", help="file that keeps the undisturbed sweep's result from one measurement of the same setting to the next")
p.add_argument("--keep", action="store_true", help="keep the folder with store and logs")
a = p.parse_args()

WORKERS = ("kill-1", "kill-2")
STEPS = 8  # In an epoch: 500 training rows, batch 64.


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get(port, path, token=None, timeout=2):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        return answer.read().decode()


def series(text, name):
    """Sum of a metric's samples; None without any."""
    found = [float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name) and line[len(name)] in "{ "]
    return sum(found) if found else None


class Database:
    """A database of its own for one run: a home and a database belong together."""

    def __init__(self, name):
        self.name, self.url = f"vae_{name}_{os.getpid()}", urllib.parse.urlsplit(a.store)._replace(path=f"/vae_{name}_{os.getpid()}").geturl()
        self.ask(f"CREATE DATABASE {self.name}", a.store)

    def ask(self, sql, url=None):
        return subprocess.run(["psql", "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-Atc", sql, url or self.url], check=True, capture_output=True, text=True).stdout.strip()

    def drop(self):
        self.ask(f"DROP DATABASE {self.name} WITH (FORCE)", a.store)


class Cluster:
    def __init__(self, epochs, name):
        self.database = Database(name) if a.store else None
        self.folder = tempfile.mkdtemp(prefix="vae-kills-")
        self.port, self.http = free_port(), free_port()
        self.worker_http = {name: free_port() for name in WORKERS}
        self.processes, self.coordinator = [], None
        self.sweep_file = os.path.join(self.folder, "sweep.yaml")
        betas = ", ".join(f"{1 + i / 10:.1f}" for i in range(-(-a.trials // 3)))
        with open(self.sweep_file, "w") as file:
            file.write(f"""version: 1
name: kills
dataset: {{ source: sprites, count: 625, size: 16, holdout: 0.2, binarize: dynamic }}
model: {{ encoder: [64], latent: 4 }}
training: {{ epochs: {epochs}, batch: 64, learning_rate: 3e-3, seed: 3 }}
search:
  method: grid
  parameters:
    training.beta: {{ values: [{betas}] }}
    training.learning_rate: {{ values: [1e-3, 2e-3, 3e-3] }}
""")
        self.start_coordinator()
        self.wait(lambda: get(self.http, "/readyz"), "the coordinator")
        self.token = open(os.path.join(self.folder, "home", "token")).read().strip()
        for name in WORKERS:
            self.start(name, ["worker", "--coordinator", f"127.0.0.1:{self.port}", "--name", name, "--token-file", os.path.join(self.folder, "home", "token"), "--threads", "1",
                              "--cache", os.path.join(self.folder, name), "--http-port", str(self.worker_http[name])])
        self.wait(self.all_joined, "the workers")

    def start(self, name, arguments):
        log = open(os.path.join(self.folder, f"{name}.log"), "ab")
        process = subprocess.Popen([a.vae, *arguments, "--home", os.path.join(self.folder, "home"), "--log-format", "text"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def start_coordinator(self):
        store = ["--store", self.database.url] if self.database else []
        self.coordinator = self.start("coordinator", ["coordinator", "--port", str(self.port), "--http-port", str(self.http), *store])

    def all_joined(self):
        if series(get(self.http, "/metrics"), "vae_worker_up") != len(WORKERS):
            raise OSError("not all workers are back")

    def wait(self, ask, what, within=60):
        deadline = time.monotonic() + within
        while True:
            try:
                return ask()
            except (OSError, urllib.error.URLError, ValueError) as problem:
                if self.coordinator.poll() is not None:
                    raise SystemExit(f"the coordinator ended by itself with {self.coordinator.returncode}; see {self.folder}")
                if time.monotonic() > deadline:
                    raise SystemExit(f"{what} did not come within {within} s: {problem}; see {self.folder}")
                time.sleep(0.005)

    def submit(self):
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}/api/v1/sweeps", data=open(self.sweep_file, "rb").read(), headers={"Authorization": f"Bearer {self.token}"}, method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["id"]

    def read(self, sweep):
        return json.loads(get(self.http, f"/api/v1/sweeps/{sweep}", self.token, timeout=10))

    def kill_coordinator(self):
        self.coordinator.send_signal(signal.SIGKILL)
        self.coordinator.wait()

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()


class Watch(threading.Thread):
    """Longest time that a worker's step counter stood still between two steps, and what the coordinator was doing then."""

    def __init__(self, cluster):
        super().__init__(daemon=True)
        self.cluster, self.pauses, self.stop = cluster, {name: [] for name in WORKERS}, threading.Event()

    def run(self):
        last = {name: (None, 0.0) for name in WORKERS}
        while not self.stop.is_set():
            for name in WORKERS:
                try:
                    steps = series(get(self.cluster.worker_http[name], "/metrics"), "vae_train_steps_total")
                except OSError:
                    continue
                now, (before, at) = time.monotonic(), last[name]
                if steps is not None and steps != before:
                    if before:  # Before its first step a worker starts and probes; nothing of that is a pause.
                        self.pauses[name].append((now - at, before))
                    last[name] = (steps, now)
            time.sleep(0.02)


def run(epochs, kills):
    cluster = Cluster(epochs, "kills" if kills else "calm")
    try:
        draw, recoveries, made = random.Random(a.seed), [], 0
        sweep, started = cluster.submit(), time.monotonic()
        watch = Watch(cluster)
        watch.start()
        document = cluster.read(sweep)
        while document["sweep"]["state"] == "running":
            time.sleep(draw.uniform(0, a.gap) if made < kills else 0.5)
            if made < kills:
                cluster.kill_coordinator()
                made += 1
                at = time.monotonic()
                cluster.start_coordinator()
                cluster.wait(lambda: get(cluster.http, "/readyz"), "the coordinator")
                ready = time.monotonic() - at
                cluster.wait(cluster.all_joined, "the workers")
                recoveries.append((ready, time.monotonic() - at))
                print(f"  kill {made}: ready after {ready:.2f} s, workers back after {recoveries[-1][1]:.2f} s", file=sys.stderr)
            document = cluster.wait(lambda: cluster.read(sweep), "an answer")
        elapsed = time.monotonic() - started
        watch.stop.set()
        watch.join()
        cluster.close()
        return document, recoveries, watch.pauses, elapsed, cluster
    except BaseException:
        cluster.close()
        raise


def repeated(cluster, sweep):
    """Trials that were started more than once, steps that were trained more than once, steps without a point."""
    schema = "vae." if a.store else ""
    queries = [
        f"SELECT count(*) FROM (SELECT trial FROM {schema}series WHERE sweep = '{sweep}' GROUP BY trial HAVING count(*) > 1) AS again",
        f"SELECT count(*) FROM (SELECT s.trial, t.step FROM {schema}train_step t JOIN {schema}series s ON s.id = t.series WHERE s.sweep = '{sweep}' GROUP BY s.trial, t.step HAVING count(*) > 1) AS twice",
        f"SELECT count(*) FROM (SELECT DISTINCT s.trial, t.step FROM {schema}train_step t JOIN {schema}series s ON s.id = t.series WHERE s.sweep = '{sweep}') AS points",
    ]
    if cluster.database:
        return [int(cluster.database.ask(query)) for query in queries]
    with sqlite3.connect(os.path.join(cluster.folder, "home", "coordinator.db")) as store:
        return [store.execute(query).fetchone()[0] for query in queries]


def winner(document):
    best = document["sweep"]
    return best["best_trial"], best["best_elbo"]


def quantile(values, q):
    return sorted(values)[min(len(values) - 1, int(q * len(values)))]


# Long enough for all kills: about 400 steps of such a trial take a second on one thread, two at a time.
epochs = a.epochs or max(20, int(a.kills * (a.gap / 2 + 2) * 2 * 400 / a.trials / STEPS))


def undisturbed():
    """Document, longest pause and time of the sweep without a kill; from the file if it holds them for this setting."""
    setting = [a.trials, epochs, a.seed, bool(a.store)]
    if a.calm and os.path.exists(a.calm):
        with open(a.calm, encoding="utf-8") as file:
            kept = json.load(file)
        if kept["setting"] == setting:
            return kept["document"], kept["pause"], kept["seconds"]
    print(f"  undisturbed, {epochs} epochs", file=sys.stderr)
    found, _, calm_pauses, seconds, calm_cluster = run(epochs, 0)
    drop(calm_cluster)
    pause = longest(calm_pauses)[0][0]
    if a.calm:
        with open(a.calm, "w", encoding="utf-8") as file:
            json.dump({"setting": setting, "document": found, "pause": pause, "seconds": seconds}, file)
    return found, pause, seconds


def longest(pauses, count=1):
    """(Seconds, steps that the worker had trained before), longest first."""
    return sorted((pause for all_of_one in pauses.values() for pause in all_of_one), reverse=True)[:count]


def drop(done):
    if a.keep:
        print(f"  kept {done.folder}" + (f" and {done.database.name}" if done.database else ""), file=sys.stderr)
    else:
        if done.database:
            done.database.drop()
        shutil.rmtree(done.folder, ignore_errors=True)


calm, calm_pause, calm_time = undisturbed()
print(f"  {calm_time:.0f} s; now with kills", file=sys.stderr)
if a.kills == 0:
    sys.exit(0)
document, recoveries, pauses, elapsed, cluster = run(epochs, a.kills)
counts, trials = document["sweep"]["counts"], document["sweep"]["trials"]
again = repeated(cluster, document["sweep"]["id"])
expected = trials * epochs * STEPS
ready, back = [r for r, _ in recoveries], [b for _, b in recoveries]
attempts = [trial["attempts"] for trial in document["trials"]]
for seconds, steps in longest(pauses, 8):
    print(f"  a pause of {seconds:.2f} s after {steps:.0f} steps of the worker", file=sys.stderr)
print("| what | undisturbed | with kills |")
print("| --- | --- | --- |")
print(f"| trials | {calm['sweep']['trials']} of {epochs * STEPS} steps | the same |")
print(f"| time of the sweep | {calm_time:.0f} s | {elapsed:.0f} s |")
print(f"| kills of the coordinator (-9) while it ran | 0 | {len(recoveries)} |")
print(f"| trials done / failed / lost on the way | {calm['sweep']['counts']['done']} / {calm['sweep']['counts']['failed']} / 0 | {counts['done']} / {counts['failed']} / {trials - counts['done'] - counts['failed']} |")
print(f"| store | {'PostgreSQL' if a.store else 'SQLite'} | the same, a database of its own |")
print(f"| trials begun more than once | 0 | {again[0]} (greatest attempt number {max(attempts)}) |")
print(f"| steps trained more than once, of {expected} | 0 | {again[1]} |")
print(f"| steps without a point in the store | 0 | {expected - again[2]} |")
print(f"| longest pause between two steps, any worker, from its first step on | {calm_pause:.2f} s | {longest(pauses)[0][0]:.2f} s |")
if recoveries:
    print(f"| restart to ready, median / p99 / longest | | {statistics.median(ready):.2f} / {quantile(ready, .99):.2f} / {max(ready):.2f} s |")
    print(f"| restart to all workers back, median / p99 / longest | | {statistics.median(back):.2f} / {quantile(back, .99):.2f} / {max(back):.2f} s |")
(calm_best, calm_elbo), (best, elbo) = winner(calm), winner(document)
same = "the same" if (best, elbo) == (calm_best, calm_elbo) else f"the same trial, ELBO off by {abs(elbo - calm_elbo):.1e}" if best == calm_best else "ANOTHER"
print(f"| winner and its ELBO | {calm_best}, {calm_elbo} | {best}, {elbo}: {same} |")
drop(cluster)
sys.exit(0 if best == calm_best and counts["done"] == trials else 1)
