"""A script in, its outcome out. Knows neither Celery nor the journal nor the server."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from cloudassist import parameters
from cloudassist.command_type import CommandType
from cloudassist.error_code import ErrorCode
from cloudassist.orders import Payload
from cloudassist.status import InvocationStatus
from cloudassist_agent.scripts.capture import Capture
from cloudassist_agent.scripts.following import Ended, Ending, Follower
from cloudassist_agent.scripts.mask import Mask
from cloudassist_agent.scripts.running import Run
from cloudassist_agent.scripts.script import Script, ScriptError
from cloudassist_agent.scripts.script_file import script_file
from cloudassist_agent.scripts.system import SCRIPTS, ScriptProcess, User, as_user
from cloudassist_agent.scripts.toll import Toll
from cloudassist_agent.settings import AgentSettings

_NONE: Final[Mapping[str, str]] = MappingProxyType({})


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
    toll: Toll = field(default_factory=Toll)


def refusal(code: ErrorCode, info: str) -> Outcome:
    """Return the outcome of a script that was not started."""
    return Outcome(InvocationStatus.FAILED, error_code=code, error_info=info)


def stopped(run: Run, ended: Outcome | None = None) -> Outcome:
    """Return the outcome of a record that was stopped, or ended with its agent; ``ended`` is that of its script."""
    outcome = ended or Outcome(InvocationStatus.STOPPED)
    if not run.interrupted:
        return replace(outcome, status=InvocationStatus.STOPPED)
    info = f"the agent had to end; {outcome.error_info}" if ended else "the agent had to end before the script began"
    code = ErrorCode.EXECUTION_INTERRUPTED
    return replace(outcome, status=InvocationStatus.FAILED, exit_code=None, error_code=code, error_info=info)


def execute(
    payload: Payload,
    run: Run,
    settings: AgentSettings,
    follower: Follower,
    script_folder: Path,
    secrets: Mapping[str, str] = _NONE,
) -> Outcome:
    """Run a script to its end; ``follower`` is told of it meanwhile.

    ``script_folder`` is made for its file. ``secrets`` are the values of its secret parameters, which are masked in
    whatever comes of it. Never raises: what goes wrong is in the outcome.
    """
    if not secrets:
        return _execute(payload, run, settings, follower, script_folder, Capture(settings.output_bytes))
    mask = Mask(secrets.values())
    capture = Capture(settings.output_bytes, mask)
    opened = replace(payload, parameters={**(payload.parameters or {}), **secrets})
    # Its file holds the values, and is not kept whatever the settings say.
    outcome = _execute(opened, run, replace(settings, keep_script_file=False), follower, script_folder, capture)
    return replace(outcome, error_info=mask.text(outcome.error_info))


def _execute(
    payload: Payload, run: Run, settings: AgentSettings, follower: Follower, script_folder: Path, capture: Capture
) -> Outcome:
    try:
        script = _script(payload, run, settings)
        with as_user(payload.username, payload.windows_password_name) as user:
            folder = _working_dir(payload, user)
            with script_file(script, script_folder, keep=settings.keep_script_file, give=user.own) as command:
                process = ScriptProcess(command, user=user, folder=folder, record_id=run.record_id, capture=capture)
                ended = process.follow(run, follower, timeout=payload.timeout, grace=settings.kill_grace_seconds)
                capture.end()
    except ScriptError as error:
        return refusal(error.code, error.info)
    except Exception as error:  # whatever the operating system refuses: the record fails, the agent goes on
        return refusal(ErrorCode.EXECUTION_EXCEPTION, f"{type(error).__name__}: {error}")
    return _outcome(ended, run, capture, payload.timeout)


def _outcome(ended: Ended, run: Run, capture: Capture, timeout: int) -> Outcome:
    outcome = Outcome(
        InvocationStatus.FINISHED,
        seconds=ended.seconds,
        exit_code=ended.exit_code,
        output=capture.kept,
        dropped=capture.dropped,
        toll=ended.toll,
    )
    match ended.ending:
        case Ending.EXIT:
            return outcome
        case Ending.STOP:
            return stopped(run, replace(outcome, error_info=str(ended.toll)))
        case Ending.TIMEOUT:
            info = f"the script ran longer than {timeout} s; {ended.toll}"
            code = ErrorCode.EXECUTION_TIMEOUT
            return replace(outcome, status=InvocationStatus.FAILED, exit_code=None, error_code=code, error_info=info)


def _script(payload: Payload, run: Run, settings: AgentSettings) -> Script:
    make = SCRIPTS.get(CommandType(payload.type)) if payload.type in set(CommandType) else None
    if make is None:
        known = ", ".join(SCRIPTS)
        raise ScriptError(
            ErrorCode.COMMAND_NOT_APPLICABLE, f"{payload.type} cannot be run on this system; it runs {known}"
        )
    return make(_rendered(payload, run, settings.rendered_script_bytes))


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


def _working_dir(payload: Payload, user: User) -> Path:
    folder = Path(payload.working_dir or user.home)
    if not folder.is_dir():
        raise ScriptError(ErrorCode.DIRECTORY_NOT_EXISTS, f"the working directory {folder} does not exist")
    return folder
