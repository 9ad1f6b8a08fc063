"""The command line of a shipped file."""

import argparse
import contextlib
import errno
import fcntl
import json
import os
import shutil
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from cloudassist.installing.on_host import commands, release, service, settings_file
from cloudassist.installing.on_host.settings_file import PREFIX
from cloudassist.installing.on_host.telling import Failure, tell

MANIFEST = "manifest.json"
OLDEST_PYTHON = (3, 11)
BUSY_SECONDS = 20
"""Seconds to wait for another installation in the same folder."""
_LOOK_SECONDS = 0.2
REFUSED, UNREACHABLE = 3, 75
"""Exit codes of an agent's ``register``: the server refused it, or could not be reached."""
AUTHORITY = "ca.pem"
ENROLMENT = "enrolment.json"
"""Where an agent keeps what it was enrolled as, in its state folder."""
_OURS = ("runtimes", "releases", "current", "agent.env", AUTHORITY, "start", "stop")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        _check_python()
        secrets = json.loads(sys.stdin.read() or "{}") if options.secrets else _by_hand()
        with _held(options.prefix):
            done = options.function(options, secrets)
    except Failure as failure:
        tell(error={"code": failure.code, "message": str(failure)})
        return 1
    except OSError as error:
        code = "NoSpace" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "InstallationFailed"
        tell(error={"code": code, "message": f"{error.strerror or error}: {error.filename or options.prefix}"})
        return 1
    tell(done=done)
    return 0


def _by_hand() -> dict[str, object]:
    """Return the activation that whoever has copied the file here names, in the environment: others cannot see it."""
    names = ("activation_id", "activation_code")
    return {name: os.environ.get(f"{PREFIX}{name.upper()}", "") for name in names}


def _check_python() -> None:
    if sys.version_info < OLDEST_PYTHON:
        raise Failure("NoPython", f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}")


def _install(options: argparse.Namespace, secrets: Mapping[str, object]) -> dict[str, object]:
    prefix: Path = options.prefix
    current = prefix / "current"
    before = current.readlink().name.rpartition("-")[0] if current.is_symlink() else ""
    with zipfile.ZipFile(options.bundle) as bundle:
        manifest = json.loads(bundle.read(MANIFEST))
        made = release.make(prefix, bundle, manifest)
    environment = _environment(options, secrets)
    tell(step="enrolling")
    instance_id = _enrol(made, options, secrets, environment)
    release.switch(prefix, made)
    settings_file.save(prefix / "agent.env", environment)
    tell(step="starting")
    kind = service.start(prefix, options.service, environment)
    # What runs has loaded its modules by now, and what ran has ended.
    for other in (prefix / "releases").iterdir():
        if other != made:
            shutil.rmtree(other)
    return {"instance_id": instance_id, "version": manifest["version"], "before": before, "service": kind}


def _environment(options: argparse.Namespace, secrets: Mapping[str, object]) -> dict[str, str]:
    """Return the settings of the agent: what an earlier installation kept, and what is given now."""
    given = secrets.get("settings") or {}
    if not isinstance(given, dict):
        raise Failure("InstallationFailed", "the settings are no object")
    return {
        **settings_file.read(options.prefix / "agent.env"),
        f"{PREFIX}STATE_DIR": str(options.state_dir),
        **{PREFIX + str(name): str(value) for name, value in given.items()},
        **_authority(options.prefix, secrets),
    }


def _authority(prefix: Path, secrets: Mapping[str, object]) -> dict[str, str]:
    """Keep the certificates by which the server is believed, where they were shipped along."""
    if not secrets.get("tls_ca"):
        return {}
    settings_file.write(prefix / AUTHORITY, str(secrets["tls_ca"]), 0o644)
    return {f"{PREFIX}TLS_CA": str(prefix / AUTHORITY)}


def _enrol(
    made: Path, options: argparse.Namespace, secrets: Mapping[str, object], environment: Mapping[str, str]
) -> str:
    """Have the agent register, where an activation is given; returns the instance's id."""
    if not secrets.get("activation_id"):
        return environment.get(f"{PREFIX}INSTANCE_ID", options.name)
    command = [*commands.agent(made), "register", "--json", "--url", options.url, "--state-dir", str(options.state_dir),
               "--activation-id", str(secrets["activation_id"])]  # fmt: skip
    command += ["--name", options.name] if options.name else []
    code = {f"{PREFIX}ACTIVATION_CODE": str(secrets["activation_code"])}
    told = commands.run(
        command, {**environment, **code}, {REFUSED: "EnrolmentRefused", UNREACHABLE: "ServerUnreachable"}
    )
    return str(json.loads(told)["InstanceId"])


def _uninstall(options: argparse.Namespace, _secrets: Mapping[str, object]) -> dict[str, object]:
    """End the agent and remove what was installed, whole or half; the state folder only where that is asked for."""
    prefix: Path = options.prefix
    environment = {f"{PREFIX}STATE_DIR": str(options.state_dir), **settings_file.read(prefix / "agent.env")}
    found = [prefix / name for name in _OURS if (prefix / name).exists() or (prefix / name).is_symlink()]
    if commands.works(prefix / "current"):
        tell(step="stopping")
        service.stop(prefix, environment)
    tell(step="removing")
    for path in found:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    state_dir = Path(environment[f"{PREFIX}STATE_DIR"])
    instance_id = _instance_of(state_dir)
    if options.purge and state_dir.is_dir():
        shutil.rmtree(state_dir)
    return {"found": bool(found), "instance_id": instance_id}


def _instance_of(state_dir: Path) -> str:
    try:
        return str(json.loads((state_dir / ENROLMENT).read_text(encoding="utf-8"))["instance_id"])
    except (OSError, ValueError, KeyError):  # it was never enrolled, or not by an activation
        return ""


@contextlib.contextmanager
def _held(prefix: Path) -> Iterator[None]:
    """Hold an installation's folder for this process alone; one that is empty afterwards is removed."""
    prefix.mkdir(parents=True, exist_ok=True)
    lock = prefix / "lock"
    with lock.open("w") as file:
        _lock(file, prefix)
        try:
            yield
        finally:
            if [path.name for path in prefix.iterdir()] == [lock.name]:
                lock.unlink()
                with contextlib.suppress(OSError):  # it may be somebody else's, or a place to keep
                    prefix.rmdir()


def _lock(file: IO[str], prefix: Path) -> None:
    """Hold a folder; one that was broken off may have a step to end first."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise Failure("InstallationUnderWay", f"another installation is under way in {prefix}") from None
            time.sleep(_LOOK_SECONDS)
        else:
            return


def _places() -> tuple[Path, Path]:
    """Return the folders of installation and state, as `assist install` has them."""
    if os.geteuid() == 0:
        return Path("/opt/cloudassist"), Path("/var/lib/cloudassist")
    home = Path.home() / ".local"
    return home / "share" / "cloudassist", Path(os.environ.get("XDG_STATE_HOME") or home / "state") / "cloudassist"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=Path(sys.argv[0]).name,
        description="Install or remove an agent of Cloud Assistant.",
        epilog="An activation lets a new machine in: $CLOUDASSIST_ACTIVATION_ID and $CLOUDASSIST_ACTIVATION_CODE.",
    )
    verbs = parser.add_subparsers(required=True)
    install, uninstall = verbs.add_parser("install"), verbs.add_parser("uninstall")
    install.set_defaults(function=_install)
    uninstall.set_defaults(function=_uninstall)
    for verb in (install, uninstall):
        prefix, state = _places()
        verb.add_argument("--prefix", type=Path, default=prefix, help=f"the folder of the installation ({prefix})")
        verb.add_argument("--state-dir", type=Path, default=state, help=f"the folder of its key and journal ({state})")
        verb.add_argument("--secrets", action="store_true", help="read activation_id, activation_code, settings (JSON)")
    install.add_argument("--bundle", default=sys.argv[0], help="the shipped file (this one)")
    install.add_argument("--url", default="", help="the server")
    install.add_argument("--name", default="", help="the instance's name")
    install.add_argument("--service", default="auto", choices=service.KINDS, help="what keeps it running")
    uninstall.add_argument("--purge", action="store_true", help="remove the state folder, too")
    return parser
