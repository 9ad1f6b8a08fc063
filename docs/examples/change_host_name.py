"""Change host names: change_host_name.py INSTANCE=NAME …"""

import os
import sys

from cloudassist import Assistant

SCRIPT = '{{command}} "{{name}}" && echo "$(hostname), to be {{name}}"'


def main(*pairs: str) -> int:
    """Give each instance its name: one run each, since each has a value of its own; they go on side by side."""
    command = os.environ.get("CHANGE_HOST_NAME", "hostnamectl set-hostname")
    with Assistant() as assistant:
        runs = [
            assistant.run_command(SCRIPT, instance_ids=[instance_id], parameters={"name": name, "command": command})
            for instance_id, _, name in (pair.partition("=") for pair in pairs)
        ]
        results = [result for run in runs for result in run.wait().results()]
    for result in results:
        print(result.instance_id, result.error_code or "ok", result.output.strip())
    return 1 if any(result.error_code for result in results) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
