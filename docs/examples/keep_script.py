"""Keep a script at the server under a name, and run it with values: keep_script.py SCRIPT [NAME=VALUE …] INSTANCE …

It is looked for by the name of its file, and uploaded where it is not there, or has changed. From then on
whoever may order runs can invoke it: `cloudassist invoke COMMAND_ID -i INSTANCE`.
"""

import sys
from pathlib import Path

from cloudassist import Assistant


def main(script: str, *words: str) -> int:
    """Upload the script once, and run it."""
    values = dict(word.split("=", 1) for word in words if "=" in word)
    instance_ids = [word for word in words if "=" not in word]
    name, text = Path(script).name, Path(script).read_text()
    with Assistant() as assistant:
        kept = [
            each
            for each in assistant.describe_commands(name=name).all()
            if (each.command_content, each.enable_parameter) == (text, bool(values))
        ]
        command = kept[0] if kept else assistant.create_command(text, name=name, enable_parameter=bool(values))
        print(command.command_id, "was there" if kept else "is new")
        run = assistant.invoke_command(command.command_id, instance_ids=instance_ids, parameters=values or None).wait()
        results = list(run.results())
    for result in results:
        print(result.instance_id, result.error_code or "ok", result.output.strip())
    return 1 if any(result.error_code for result in results) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
