"""Two beats, one of which is killed every ten seconds: which moments are missing, and which came twice."""

import contextlib
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.measure import Figure, percentile
from cloudassist.local import LocalStack

QUESTION = "two beats"
TASKS = 50
INTERVAL_MS = 10_000
_SEED = 6


def measure(*, quick: bool) -> list[Figure]:
    """Return the figures."""
    seconds = 40 if quick else 120
    choice = random.Random(_SEED)
    names = [f"i-{number:02}" for number in range(TASKS)]
    with contextlib.ExitStack() as open_:
        folder = Path(open_.enter_context(tempfile.TemporaryDirectory(prefix="cloudassist-bench-")))
        stack = open_.enter_context(LocalStack(instances=names, simulated=True, beats=2))
        assistant = open_.enter_context(stack.assistant())
        script = f'echo "$CLOUDASSIST_RECORD_ID $(date +%s%3N)" >> {folder}/runs'
        tasks = [
            assistant.run_command(script, instance_ids=[name], frequency=f"rate({INTERVAL_MS // 1000}s)")
            for name in names
        ]
        kills, until = 0, time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(INTERVAL_MS / 1000)
            victim = choice.choice(["beat-1", "beat-2"])
            stack.kill(victim)
            stack.processes[victim].wait()
            stack.start(victim)
            kills += 1
        for task in tasks:
            task.stop()
            task.wait(timeout=30)
        lines = [line.split() for line in (folder / "runs").read_text().splitlines()]
    times = Counter(record for record, _ in lines)
    moments: dict[str, list[int]] = {}
    late = []
    for record, started in lines:
        task_id, _, rest = record.partition("@")
        due = int(rest.partition(".")[0])
        moments.setdefault(task_id, []).append(due)
        late.append(float(int(started) - due))
    expected = sum((max(of_task) - min(of_task)) // INTERVAL_MS + 1 for of_task in moments.values())
    what = f"{TASKS} tasks, {kills} kills"
    return [
        Figure(QUESTION, f"{what}: runs", len(times), ""),
        Figure(QUESTION, f"{what}: moments missing", expected - len(times), "", goal="0"),
        Figure(QUESTION, f"{what}: moments that came twice", sum(times.values()) - len(times), "", goal="0"),
        Figure(QUESTION, f"{what}: script started after its moment, p50", percentile(late, 0.5), "ms"),
        Figure(QUESTION, f"{what}: script started after its moment, p99", percentile(late, 0.99), "ms"),
    ]
