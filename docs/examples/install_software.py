"""Install software, or remove it: install_software.py install|remove PACKAGE INSTANCE …

PACKAGE is a name that the host's package manager knows, or the path of a package on the instance.
"""

import sys

from cloudassist import Assistant

SCRIPT = """
set -e
export DEBIAN_FRONTEND=noninteractive
if command -v apt-get >/dev/null; then
    case "{{action}}:{{package}}" in
        install:/*) dpkg --install "{{package}}" ;;
        install:*) apt-get install -qy "{{package}}" ;;
        remove:*) apt-get remove -qy "{{package}}" ;;
    esac
elif command -v dnf >/dev/null; then
    dnf -qy "{{action}}" "{{package}}"
elif command -v yum >/dev/null; then
    yum -qy "{{action}}" "{{package}}"
else
    echo "no package manager that this script knows" >&2
    exit 69
fi
"""


def main(action: str, package: str, *instance_ids: str) -> int:
    """Install or remove one package."""
    values = {"action": action, "package": package}
    with Assistant() as assistant:
        run = assistant.run_command(SCRIPT, instance_ids=instance_ids, parameters=values, timeout=900).wait()
        results = list(run.results())
    for result in results:
        print(result.instance_id, result.error_code or "ok", (result.output.strip().splitlines() or [""])[-1])
    return 1 if any(result.error_code for result in results) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
