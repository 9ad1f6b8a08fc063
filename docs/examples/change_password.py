"""Change a password without its being seen: change_password.py USER INSTANCE …

The new one is asked for, or read from standard input where that is no terminal. It is sealed to each instance: neither
the server nor its files, the ledger, or a log has it, and the command gets it by its standard input.
"""

import os
import sys
from getpass import getpass

from cloudassist import Assistant

SCRIPT = """
{{command}} <<'END'
{{user}}:{{password}}
END
"""


def main(user: str, *instance_ids: str) -> int:
    """Change the password of one user."""
    password = getpass("New password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    values = {"user": user, "password": password, "command": os.environ.get("CHANGE_PASSWORD", "chpasswd")}
    with Assistant() as assistant:
        run = assistant.run_command(
            SCRIPT, instance_ids=instance_ids, parameters=values, secret_parameters=["password"]
        ).wait()
        results = list(run.results())
    for result in results:
        print(result.instance_id, result.error_code or "ok", result.output.strip())
    return 1 if any(result.error_code for result in results) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
