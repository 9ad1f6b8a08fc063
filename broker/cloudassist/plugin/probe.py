"""``assist probe``: whether all of the way to instances and back works, tried with a script that does nothing."""

import secrets
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import click

from cloudassist.client import Assistant, Invocation
from cloudassist.command_type import CommandType
from cloudassist.errors import WaitTimeoutError
from cloudassist.models.instance import Instance
from cloudassist.models.record import InvocationResult
from cloudassist.plugin import options, output, targets
from cloudassist.plugin.connection import assistant_of, settings_of
from cloudassist.plugin.output import went_well

COLUMNS: Final = ("instance", "probe", "what")
_WINDOWS: Final = "Windows"


@dataclass(frozen=True, slots=True)
class Probed:
    """What came of it on one instance: what was wrong, empty where nothing was."""

    instance_id: str
    fault: str


@click.command
@targets.targets
@click.option("--timeout", type=int, default=30, show_default=True, help="Seconds to wait for all of them.")
@options.as_json
@click.pass_context
def probe(
    context: click.Context,
    *,
    instances: tuple[str, ...],
    tags: tuple[str, ...],
    everywhere: bool,
    sure: bool,
    timeout: int,
    as_json: bool,
) -> None:
    """Have instances write a word that nobody can guess, and see that it comes back. Nothing is changed anywhere.

    The exit code is 1 where it did not come back from all of them.

    Example: cloudassist probe --all --yes
    """
    begun = time.monotonic()
    with assistant_of(context) as assistant:
        where = targets.chosen(assistant, instances, tags, everywhere=everywhere, sure=sure)
        found = list(_probe(assistant, where, timeout, settings_of(context).instances_per_call))
    seconds = time.monotonic() - begun
    bad = sum(bool(each.fault) for each in found)
    if as_json:
        output.show_json({"Seconds": round(seconds, 3), "Probes": [asdict(each) for each in found]})
    else:
        output.show_table(COLUMNS, [(each.instance_id, "bad" if each.fault else "ok", each.fault) for each in found])
        click.echo(f"{len(found) - bad} of {len(found)} answered, in {seconds:.2f} s")
    context.exit(1 if bad else 0)


def _probe(assistant: Assistant, where: dict[str, Any], timeout: int, most: int) -> Iterator[Probed]:
    """Run it, in calls of so many instances at most, and yield what came of it."""
    word = secrets.token_hex(8)
    runs = [
        assistant.run_command(f"echo {word}", type=kind, instance_ids=names[start : start + most])
        for kind, names in _by_type(assistant, where).items()
        for start in range(0, len(names), most)
    ]
    deadline = time.monotonic() + timeout
    for run in runs:
        _wait(run, deadline - time.monotonic())
        for result in run.results():
            yield Probed(result.instance_id, _fault(result, word))


def _by_type(assistant: Assistant, where: dict[str, Any]) -> dict[str, list[str]]:
    """Return the instances by the type of script that they run."""
    known = list(assistant.describe_instances(tags=where.get("resource_tags")).all())
    wanted: Sequence[str] = where.get("instance_ids", [instance.instance_id for instance in known])
    types = {instance.instance_id: _type_of(instance) for instance in known}
    found: dict[str, list[str]] = defaultdict(list)
    for name in wanted:
        # One that is not known is refused by the call, by name.
        found[types.get(name, CommandType.SHELL)].append(name)
    return found


def _type_of(instance: Instance) -> CommandType:
    return CommandType.BATCH if instance.os_type == _WINDOWS else CommandType.SHELL


def _wait(run: Invocation, seconds: float) -> None:
    """Wait for a run; what has not ended then is stopped: it will not be of use any more."""
    try:
        run.wait(max(0.0, seconds))
    except WaitTimeoutError:
        run.stop()


def _fault(result: InvocationResult, word: str) -> str:
    if not went_well(result):
        return ": ".join(filter(None, (result.error_code or f"{result.status} in time", result.error_info)))
    return "" if result.output.strip() == word else f"it wrote {output.printable(result.output)[:100]!r}"
