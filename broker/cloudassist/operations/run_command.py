"""RunCommand: check, plan in the ledger, and send an order to every instance that can take one (API a.1)."""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Final

from cloudassist import ids, limits, topology
from cloudassist.command_type import CommandType
from cloudassist.errors import ConflictError, NotFoundError, ServiceUnavailableError
from cloudassist.operations import arguments
from cloudassist.operations.steps import Operation, Publish
from cloudassist.orders import Order, Payload, Purpose, expiry, payload_hash
from cloudassist.settings import Settings
from cloudassist.store import instances, invocations
from cloudassist.store.call import Call, Word
from cloudassist.store.invocations import PLAN_CHUNK, READ_CHUNK, Lifetimes

NAMED: Final = 10
"""Unknown instances that an error names, the most."""
_PAYLOAD_TOKEN_BYTES: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """The checked arguments of one run. ``parameters`` is None where the script has none."""

    type: CommandType
    content: str
    instance_ids: tuple[str, ...]
    parameters: dict[str, str] | None
    timeout: int
    working_dir: str
    name: str
    description: str
    client_token: str

    def digest(self) -> str:
        """Return a hash over everything but the token: the same token with another hash is a mistake."""
        content = {name: value for name, value in asdict(self).items() if name != "client_token"}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Planned:
    """The ids of a run."""

    invoke_id: str
    command_id: str


def check(
    settings: Settings,
    *,
    command_content: str,
    type: str,  # noqa: A002 - the API's name
    instance_ids: Sequence[str],
    parameters: Mapping[str, str] | None,
    enable_parameter: bool | None,
    timeout: int,
    working_dir: str,
    name: str,
    description: str,
    client_token: str | None,
) -> RunRequest:
    """Check the arguments of a run; raises InvalidParameterError and its kinds."""
    content = arguments.command_content(command_content, settings)
    return RunRequest(
        type=arguments.command_type(type),
        content=content,
        instance_ids=tuple(arguments.instance_ids(instance_ids, settings.instances_per_call)),
        parameters=arguments.command_parameters(content, parameters, enable_parameter, settings),
        timeout=arguments.timeout(timeout),
        working_dir=arguments.bounded_text(
            "working_dir", working_dir, limits.WORKING_DIR_CHARACTERS, "InvalidParameter.WorkingDir"
        ),
        name=arguments.bounded_text("name", name, limits.COMMAND_NAME_CHARACTERS, "CmdName.ExceedLimit"),
        description=arguments.bounded_text(
            "description", description, limits.COMMAND_DESCRIPTION_CHARACTERS, "CmdDesc.ExceedLimit"
        ),
        client_token=secrets.token_hex(16) if client_token is None else arguments.client_token(client_token),
    )


def run_command(request: RunRequest, settings: Settings) -> Operation[Planned]:
    """Plan and publish one run; returns its ids, or those of the earlier run with the same token."""
    now, epochs = yield from _look_up(request.instance_ids)
    planned = Planned(ids.new_invoke_id(), ids.new_command_id())
    payload = _payload(request, planned, settings)
    start_by = now + int(1000 * settings.start_window_seconds)
    payload_key = topology.payload_key(secrets.token_urlsafe(_PAYLOAD_TOKEN_BYTES))
    data = payload.encode()
    digest = payload_hash(data)
    order_fields = {"payload": payload_key, "hash": digest, "start_by": start_by}
    answers = yield _plan_calls(request, planned, now, data, order_fields, settings)
    earlier, *outcomes = answers
    if earlier is not None:
        return (yield from _earlier(earlier, request))
    if any(outcome is None for outcome in outcomes):
        raise ServiceUnavailableError("the server lost the plan of this run before it was complete; try again")
    codes = [code for outcome in outcomes for code in outcome]
    run_seconds = request.timeout + settings.kill_grace_seconds
    yield Publish(
        [
            Order(
                Purpose.RUN,
                ids.record_id(planned.invoke_id, instance_id),
                epoch,
                expires=expiry(start_by, now, run_seconds),
                start_by=start_by,
                payload_key=payload_key,
                payload_hash=digest,
            )
            for instance_id, epoch, code in zip(request.instance_ids, epochs, codes, strict=True)
            if not code
        ]
    )
    return planned


def _look_up(instance_ids: Sequence[str]) -> Operation[tuple[int, list[int]]]:
    """Return the server's time and the epoch of each instance; raises NotFoundError for those not registered."""
    answers = yield [instances.read_epochs(chunk) for chunk in chunks(instance_ids, READ_CHUNK)]
    now: int = answers[0][0]
    epochs = [epoch for _, chunk in answers for epoch in chunk]
    unknown = (instance_id for instance_id, epoch in zip(instance_ids, epochs, strict=True) if epoch is None)
    named = list(islice(unknown, NAMED))
    if named:
        more = sum(1 for _ in unknown)
        raise NotFoundError(
            "InvalidInstance.NotFound",
            f"no instance is registered as {', '.join(named)}" + (f" and {more} more" if more else ""),
        )
    return now, epochs


def _payload(request: RunRequest, planned: Planned, settings: Settings) -> Payload:
    return Payload(
        invoke_id=planned.invoke_id,
        command_id=planned.command_id,
        type=request.type,
        content=request.content,
        timeout=request.timeout,
        parameters=request.parameters,
        working_dir=request.working_dir,
        region=settings.region,
    )


def _plan_calls(
    request: RunRequest, planned: Planned, now: int, data: bytes, order_fields: Mapping[str, Any], settings: Settings
) -> list[Call[Any]]:
    lifetimes = Lifetimes.of(settings, request.timeout)
    fields: dict[str, Word] = {
        "command_id": planned.command_id,
        "name": request.name,
        "description": request.description,
        "type": request.type,
        "content": request.content,
        "timeout": request.timeout,
        "working_dir": request.working_dir,
        "parameters": json.dumps(request.parameters or {}),
        "creation_time": now,
        **order_fields,
    }
    payload_key = order_fields["payload"]
    begin = invocations.begin(
        planned.invoke_id, request.client_token, request.digest(), (payload_key, data), fields, lifetimes
    )
    parts = chunks(request.instance_ids, PLAN_CHUNK)
    plans = [
        invocations.plan(
            planned.invoke_id,
            chunk,
            last=index == len(parts) - 1,
            lifetimes=lifetimes,
            check_ms=int(1000 * settings.redelivery_seconds),
            open_limit=settings.running_per_instance + settings.waiting_per_instance,
        )
        for index, chunk in enumerate(parts)
    ]
    return [begin, *plans]


def _earlier(earlier: tuple[str, str], request: RunRequest) -> Operation[Planned]:
    """Return the run that an earlier call with the same token began; it may still be under way."""
    invoke_id, digest = earlier
    if digest != request.digest():
        raise ConflictError(
            "IdempotentParameterMismatch",
            f"client_token {request.client_token!r} was used for {invoke_id} with other arguments",
        )
    (fields,) = yield [invocations.read_fields(invoke_id, "command_id")]
    return Planned(invoke_id, fields.get("command_id", ""))


def chunks(items: Sequence[str], size: int) -> list[Sequence[str]]:
    """Cut a sequence into pieces of at most ``size``."""
    return [items[start : start + size] for start in range(0, len(items), size)]
