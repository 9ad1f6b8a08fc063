"""Watch processes every ten seconds, so often: watch_processes.py NAME TIMES INSTANCE …"""

import sys
import time

from cloudassist import Assistant

SCRIPT = "ps -eo pid=,pcpu=,rss=,args= | grep -F -- '{{name}}' | grep -vF grep || echo 'no such process'"
EVERY_SECONDS = 10


def main(name: str, times: str, *instance_ids: str) -> int:
    """Have each instance look again and again, and print what each saw; it ends when this does."""
    seen: set[str] = set()
    with Assistant() as assistant:
        run = assistant.run_command(
            SCRIPT, instance_ids=instance_ids, parameters={"name": name}, frequency=f"rate({EVERY_SECONDS}s)"
        )
        try:
            while len(seen) < int(times) * len(instance_ids):
                time.sleep(1)
                page = assistant.describe_invocation_results(run.invoke_id, include_history=True, max_results=50)
                for result in page.all():
                    if result.finish_time is not None and result.record_id not in seen:
                        seen.add(result.record_id)
                        print(f"{result.finish_time:%H:%M:%S} {result.instance_id} {result.output.strip()}")
        finally:
            run.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
