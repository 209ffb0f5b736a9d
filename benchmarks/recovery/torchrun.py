"""The other side: `python3 -m torch.distributed.run`, which restarts all workers when one is lost. Between its turns the whole job is stopped, so that it takes nothing from the other side."""
import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time

WORKERS = 3
HERE = os.path.dirname(os.path.abspath(__file__))


class Torchrun:
    def __init__(self, python):
        self.folder = tempfile.mkdtemp(prefix="torchrun-recovery-")
        environment = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE")
        self.log = open(os.path.join(self.folder, "log"), "w", encoding="utf-8")
        # Asked for often: by default it looks for dead workers every 5 s only. The last two options say nothing new: PyTorch 1.13 cannot read its own defaults for them under Python 3.11.
        self.job = subprocess.Popen(
            [python, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={WORKERS}", "--max_restarts=1000", "--monitor_interval=0.1", "--redirects=0:1", "--tee=0:1",
             os.path.join(HERE, "pytorch_elastic.py"), self.folder],
            env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        self.wait(lambda: len(self.last()) == WORKERS and min(step for _, step in self.last().values()) > 30)
        self.send(signal.SIGSTOP)

    def send(self, signal_number):
        os.killpg(self.job.pid, signal_number)

    def wait(self, holds, seconds=90):
        until = time.monotonic() + seconds
        while not holds():
            if self.job.poll() is not None or time.monotonic() > until:
                self.log.flush()
                with open(self.log.name, encoding="utf-8") as log:
                    raise RuntimeError("torchrun did not get there:\n" + log.read()[-3000:])
            time.sleep(0.05)

    def steps(self, pid):
        """(monotonic seconds, step) of one worker process."""
        with open(os.path.join(self.folder, f"steps-{pid}"), encoding="utf-8") as file:
            return [(float(at), int(step)) for at, step in (line.split() for line in file if line.endswith("\n"))]

    def last(self):
        """The last step of each worker that lives, by process id."""
        found = {}
        for path in glob.glob(os.path.join(self.folder, "steps-*")):
            pid = int(path.rsplit("-", 1)[1])
            steps = self.steps(pid)
            if steps and os.path.exists(f"/proc/{pid}"):
                found[pid] = steps[-1]
        return found

    def kill_one(self, chance):
        self.send(signal.SIGCONT)
        begun = {pid: step for pid, (_, step) in self.last().items()}
        self.wait(lambda: all(pid in self.last() and self.last()[pid][1] > step + 30 for pid, step in begun.items()))
        time.sleep(chance.uniform(0, 0.3))
        before = set(self.last())
        victim = chance.choice(sorted(before))
        killed = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        self.wait(lambda: len(self.last()) == WORKERS and not before & set(self.last()))
        committed = max(self.steps(pid)[-1][1] for pid in before)
        self.wait(lambda: all(step > committed + 5 for _, step in self.last().values()))
        again = {pid: self.steps(pid) for pid in self.last()}
        self.send(signal.SIGSTOP)
        first = max(steps[0][0] for steps in again.values())
        caught_up = max(next(at for at, step in steps if step > committed) for steps in again.values())
        return {"recovery_s": first - killed, "caught_up_s": caught_up - killed, "survivors_kept": False, "steps_lost": committed - (min(steps[0][1] for steps in again.values()) - 1)}

    def close(self):
        self.send(signal.SIGCONT)
        self.send(signal.SIGKILL)
        for path in glob.glob(os.path.join(self.folder, "steps-*")):
            try:
                os.kill(int(path.rsplit("-", 1)[1]), signal.SIGKILL)
            except ProcessLookupError:
                pass
        shutil.rmtree(self.folder, ignore_errors=True)
