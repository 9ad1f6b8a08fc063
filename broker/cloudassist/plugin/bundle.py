"""``assist bundle``: make the file that an installation ships."""

from pathlib import Path

import click

from cloudassist.installing import bundle as making
from cloudassist.installing.target import GLIBC, MUSL, Target
from cloudassist.plugin import options, output


@click.command
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="The folder to write to (this one).",
)
@click.option("--python", metavar="3.N", help="The Python of the hosts (this one's).")
@click.option("--machine", metavar="NAME", help="The machine of the hosts: x86_64, aarch64 … (this one's).")
@click.option("--libc", type=click.Choice([GLIBC, MUSL]), help="The C library of the hosts (this one's).")
@click.option("--libc-version", metavar="N.N", help="The oldest version of it that the hosts have (this one's).")
@options.as_json
def bundle(*, folder: Path, as_json: bool, **given: str | None) -> None:
    """Make the one file that holds all that an agent needs but Python itself.

    For hosts like this machine it is made of what is installed here; for others pip fetches their wheels. It is for
    `assist install --bundle`, or for a host that cannot be reached: copy it there and run it.

    Example: cloudassist bundle --python 3.12 --machine aarch64
    """
    here = dict(zip(("python", "machine", "libc", "libc_version"), Target.here().words, strict=True))
    made = making.make(Target.of(**{**here, **{name: value for name, value in given.items() if value}}), folder)
    if as_json:
        output.show_json(
            {"Path": str(made.path), "Version": made.version, "Hash": made.hash, "Target": str(made.target)}
        )
    else:
        click.echo(made.path)
