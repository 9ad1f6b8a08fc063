"""``assist audit``: whether the ledger's books are right."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

import click

from cloudassist.audit import Finding, findings
from cloudassist.plugin import options, output
from cloudassist.plugin.connection import settings_of
from cloudassist.store.ledger import Ledger

COLUMNS: Final = ("rule", "where", "repaired", "what")


@click.command
@click.option("--repair", is_flag=True, help="Put right what can be put right.")
@options.as_json
@click.pass_context
def audit(context: click.Context, *, repair: bool, as_json: bool) -> None:
    """Check, as an administrator, that nothing in the ledger is lost, counted wrongly, overdue, or there for ever.

    It can run beside whatever else goes on. The exit code is 1 where something is wrong and was not put right.

    Example: cloudassist audit --repair
    """
    settings = settings_of(context)
    with Ledger.of(settings) as ledger:
        found = list(findings(ledger, settings, repair=repair))
    if as_json:
        output.show_json({"Findings": [asdict(finding) for finding in found]})
    else:
        _show(found)
    if not all(finding.repaired for finding in found):
        raise SystemExit(1)


def _show(found: Sequence[Finding]) -> None:
    if not found:
        click.echo("the books are right")
        return
    rows = [(each.kind.value, each.where, "yes" if each.repaired else "no", each.what) for each in found]
    output.show_table(COLUMNS, rows)
