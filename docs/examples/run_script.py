"""Run a script that you have already: run_script.py SCRIPT INSTANCE …"""

import sys
from pathlib import Path

from cloudassist import Assistant


def main(script: str, *instance_ids: str) -> int:
    """Run the script on the instances; the exit code tells whether it went well on all of them."""
    with Assistant() as assistant:
        run = assistant.run_command(Path(script).read_text(), instance_ids=instance_ids, name=Path(script).name)
        for progress in run.follow(timeout=600):
            print(progress.status, {str(status): count for status, count in progress.counts.items() if count})
        results = list(run.results())
    for result in results:
        print(f"--- {result.instance_id}: {result.error_code or 'exit code 0'}")
        print(result.output, end="")
    return 1 if any(result.error_code for result in results) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
