"""Patch machines, restart them, and see that they are back: patch_and_restart.py PATCH RESTART INSTANCE …

PATCH and RESTART are commands, as in: patch_and_restart.py "apt-get -qy upgrade" "systemctl reboot" web-1 web-2
"""

import sys

from cloudassist import Assistant, InvocationStatus

# A moment later, so that the agent can still tell that the script has ended.
RESTART = "nohup sh -c 'sleep 2; {{command}}' >/dev/null 2>&1 &"
BACK = "echo back since $(uptime -s 2>/dev/null || cat /proc/uptime)"


def main(patch: str, restart: str, *instance_ids: str) -> int:
    """Do it on the instances that are there; what fails at one step does not get to the next."""
    with Assistant() as assistant:
        left = list(instance_ids)
        steps = (
            ("patch", patch, None, {"timeout": 3600}),
            ("restart", RESTART, {"command": restart}, {}),
            # The order waits for the instance, for half an hour.
            ("back", BACK, None, {"deliver_within": 1800}),
        )
        for name, script, parameters, options in steps:
            run = assistant.run_command(script, instance_ids=left, parameters=parameters, name=name, **options).wait()
            done = [each for each in run.results() if each.status is InvocationStatus.FINISHED and each.exit_code == 0]
            for result in run.results():
                print(name, result.instance_id, result.error_code or "ok", result.output.strip())
            left = [each.instance_id for each in done]
            if not left:
                break
    return 0 if len(left) == len(instance_ids) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
