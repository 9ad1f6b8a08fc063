"""Patch machines, restart them, and see that they are back: patch_and_restart.py PATCH RESTART INSTANCE …

PATCH and RESTART are commands, as in: patch_and_restart.py "apt-get -qy upgrade" "systemctl reboot" web-1 web-2
"""

import os
import sys
import time
from collections.abc import Iterable
from typing import Any

from cloudassist import Assistant

# What it prints is another one after each start of the machine.
BOOT = os.environ.get("BOOT_ID", "cat /proc/sys/kernel/random/boot_id")
# A moment later, so that the agent can still tell that the script has ended.
RESTART = BOOT + "\nnohup sh -c 'sleep 2; {{command}}' >/dev/null 2>&1 &"
BACK_SECONDS = 1800


def main(patch: str, restart: str, *instance_ids: str) -> int:
    """Do it on the instances that are there; what fails at one step does not get to the next."""
    with Assistant() as assistant:
        patched = went_well(assistant, "patch", patch, instance_ids, timeout=3600)
        before = went_well(assistant, "restart", RESTART, patched, parameters={"command": restart})
        away, until = dict(before), time.monotonic() + BACK_SECONDS
        while away and time.monotonic() < until:
            time.sleep(1)
            # The order waits for an instance that is away; one that is not yet away has the same answer as before.
            run = assistant.run_command(BOOT, instance_ids=list(away), deliver_within=BACK_SECONDS).wait()
            for result in run.results():
                if not result.error_code and result.output != before[result.instance_id]:
                    print("back", result.instance_id)
                    del away[result.instance_id]
    return 0 if len(before) == len(instance_ids) and not away else 1


def went_well(
    assistant: Assistant, name: str, script: str, instance_ids: Iterable[str], **options: Any
) -> dict[str, str]:
    """Run a step; print how it went on each instance, and return the outputs of those where it went well."""
    wanted = list(instance_ids)
    if not wanted:
        return {}
    run = assistant.run_command(script, instance_ids=wanted, name=name, **options).wait()
    results = list(run.results())
    for result in results:
        print(name, result.instance_id, result.error_code or "ok", result.output.strip())
    return {result.instance_id: result.output for result in results if not result.error_code}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
