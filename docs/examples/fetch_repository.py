"""Have instances fetch a repository at a revision: fetch_repository.py URL REVISION FOLDER INSTANCE …"""

import sys

from cloudassist import Assistant

SCRIPT = """
set -e
[ -d "{{folder}}/.git" ] || git clone -q --no-checkout "{{url}}" "{{folder}}"
cd "{{folder}}"
git fetch -q --tags "{{url}}" "{{revision}}"
git checkout -q --detach FETCH_HEAD
git rev-parse HEAD
"""


def main(url: str, revision: str, folder: str, *instance_ids: str) -> int:
    """Fetch, and see that all instances have the same."""
    values = {"url": url, "revision": revision, "folder": folder}
    with Assistant() as assistant:
        run = assistant.run_command(SCRIPT, instance_ids=instance_ids, parameters=values, timeout=300).wait()
        results = list(run.results())
    for result in results:
        print(result.instance_id, result.error_code or "ok", result.output.strip())
    same = len({result.output for result in results}) == 1
    return 0 if same and not any(result.error_code for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
