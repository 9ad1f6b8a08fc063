"""A script in, its outcome out. Knows neither Celery nor the journal nor the server."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from cloudassist import parameters
from cloudassist.error_code import ErrorCode
from cloudassist.orders import Payload
from cloudassist.status import InvocationStatus
from cloudassist_agent import script
from cloudassist_agent.capture import Capture
from cloudassist_agent.identity import Identity
from cloudassist_agent.process import Ended, Ending, ScriptProcess
from cloudassist_agent.running import Run
from cloudassist_agent.script import ScriptError
from cloudassist_agent.settings import AgentSettings

_INHERITED: Final = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
"""The only variables of the agent's own environment that a script gets: the rest may hold secrets."""
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one execution. ``seconds`` is how long the script ran, None where it did not start."""

    status: InvocationStatus
    seconds: float | None = None
    exit_code: int | None = None
    error_code: str = ""
    error_info: str = ""
    output: bytes = b""
    dropped: int = 0
    ended: int = 0


def refusal(code: ErrorCode, info: str) -> Outcome:
    """Return the outcome of a script that was not started."""
    return Outcome(InvocationStatus.FAILED, error_code=code, error_info=info)


def execute(
    payload: Payload,
    run: Run,
    settings: AgentSettings,
    *,
    on_lasting: Callable[[int], None],
) -> Outcome:
    """Run a script to its end. ``on_lasting`` is told its process id once it runs for more than a moment.

    Never raises: what goes wrong is in the outcome.
    """
    capture = Capture(settings.output_bytes)
    try:
        content = _rendered(payload, run, settings.rendered_script_bytes)
        user = Identity.of(payload.username)
        folder = _working_dir(payload, user)
        with script.script_file(
            content, payload.type, settings.execution_path, keep=settings.keep_script_file, give=user.own
        ) as command:
            process = ScriptProcess(
                user.command(command),
                folder=folder,
                environment=_environment(user),
                record_id=run.record_id,
                capture=capture,
            )
            ended = process.follow(
                run,
                timeout=payload.timeout,
                grace=settings.kill_grace_seconds,
                on_lasting=lambda: on_lasting(process.pid),
            )
    except ScriptError as error:
        return refusal(error.code, error.info)
    except Exception as error:  # whatever the operating system refuses: the record fails, the agent goes on
        return refusal(ErrorCode.EXECUTION_EXCEPTION, f"{type(error).__name__}: {error}")
    return _outcome(ended, capture, payload.timeout)


def _outcome(ended: Ended, capture: Capture, timeout: int) -> Outcome:
    outcome = Outcome(
        InvocationStatus.FINISHED,
        seconds=ended.seconds,
        exit_code=ended.exit_code,
        output=capture.kept,
        dropped=capture.dropped,
        ended=ended.ended,
    )
    match ended.ending:
        case Ending.EXIT:
            return outcome
        case Ending.STOP:
            return replace(outcome, status=InvocationStatus.STOPPED)
        case Ending.TIMEOUT:
            info = f"the script ran longer than {timeout} s; {ended.ended} processes were ended"
            code = ErrorCode.EXECUTION_TIMEOUT
            return replace(outcome, status=InvocationStatus.FAILED, exit_code=None, error_code=code, error_info=info)


def _rendered(payload: Payload, run: Run, most: int) -> str:
    if payload.parameters is None:
        return payload.content
    built_ins = {
        "RegionId": payload.region,
        "InstanceId": run.instance_id,
        "InstanceName": run.instance_id,
        "InvokeId": payload.invoke_id,
        "CommandId": payload.command_id,
    }
    content = parameters.render(payload.content, payload.parameters, built_ins)
    size = len(content.encode())
    if size > most:
        raise ScriptError(
            ErrorCode.EXECUTION_EXCEPTION, f"the script has {size} bytes with its parameters; the limit is {most}"
        )
    return content


def _working_dir(payload: Payload, user: Identity) -> Path:
    folder = Path(payload.working_dir or user.home)
    if not folder.is_dir():
        raise ScriptError(ErrorCode.DIRECTORY_NOT_EXISTS, f"the working directory {folder} does not exist")
    return folder


def _environment(user: Identity) -> dict[str, str]:
    own = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {
        "PATH": _PATH,
        **own,
        "HOME": user.home,
        "USER": user.name,
        "LOGNAME": user.name,
        "SHELL": "/bin/sh",
    }
