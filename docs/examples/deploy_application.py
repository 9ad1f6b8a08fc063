"""Deploy an application, one instance after the other: deploy_application.py ARCHIVE VERSION FOLDER CHECK INSTANCE …

ARCHIVE is a URL, or a path on the instance, of a .tar.gz; it goes to FOLDER/VERSION, which FOLDER/current names. CHECK
is a command that tells whether it works; where it does not, current names what it did before, and the rest is left.
"""

import sys

from cloudassist import Assistant

SCRIPT = """
set -e
mkdir -p "{{folder}}/{{version}}"
cd "{{folder}}"
case "{{archive}}" in
    *://*) curl -fsSL "{{archive}}" | tar xz -C "{{version}}" ;;
    *) tar xzf "{{archive}}" -C "{{version}}" ;;
esac
before=$(readlink current || true)
ln -sfn "{{version}}" current
if ! ( {{check}} ); then
    [ -n "$before" ] && ln -sfn "$before" current || rm current
    echo "the check failed; current is ${before:-nothing}" >&2
    exit 1
fi
echo "{{version}} is current"
"""


def main(archive: str, version: str, folder: str, check: str, *instance_ids: str) -> int:
    """Deploy to one instance at a time; stop at the first where it does not work."""
    values = {"archive": archive, "version": version, "folder": folder, "check": check}
    with Assistant() as assistant:
        for instance_id in instance_ids:
            run = assistant.run_command(SCRIPT, instance_ids=[instance_id], parameters=values, timeout=600).wait()
            (result,) = run.results()
            print(instance_id, result.error_code or "ok", result.output.strip())
            if result.error_code:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
