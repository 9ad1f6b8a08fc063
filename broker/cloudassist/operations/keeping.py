"""Writing down a command that is to be kept."""

import hashlib
import json
from dataclasses import asdict, dataclass

from cloudassist import ids
from cloudassist.content_encoding import ContentEncoding
from cloudassist.errors import NotFoundError
from cloudassist.models.command import Command
from cloudassist.operations import refusals
from cloudassist.operations.audited import audited
from cloudassist.operations.definition import Definition
from cloudassist.operations.steps import Context, Operation
from cloudassist.store import commands
from cloudassist.store.audit import Act


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepRequest:
    """The checked arguments of one command that is to be kept."""

    operation: str
    definition: Definition
    client_token: str
    version: int = 1
    cloned_from: str = ""

    def digest(self) -> str:
        """Return a hash over everything but the token."""
        content = {name: value for name, value in asdict(self).items() if name != "client_token"}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def keep(context: Context, request: KeepRequest) -> Operation[Command]:
    """Keep a command; returns it, or that of the earlier request with the same token."""
    command_id = ids.new_command_id()
    subject = tuple(filter(None, (command_id, request.cloned_from)))
    act = Act(caller=context.caller, operation=request.operation, subject=subject)
    return (yield from audited(act, _write(context, request, command_id, act)))


def _write(context: Context, request: KeepRequest, command_id: str, act: Act) -> Operation[Command]:
    settings = context.settings
    fields = request.definition.fields(caller=context.caller, version=request.version, cloned_from=request.cloned_from)
    create = commands.create(
        command_id,
        fields,
        token=request.client_token,
        digest=request.digest(),
        token_ms=1000 * settings.client_token_seconds,
        most=settings.kept_commands,
        act=act,
    )
    answer, written = yield [create, commands.read(command_id)]
    if answer is not None:
        (command_id,) = refusals.settle(answer, request.digest(), request.client_token, settings)
        (written,) = yield [commands.read(command_id)]
        if not written:
            raise NotFoundError(
                "InvalidCmdId.NotFound", f"{command_id}, which was made with this client_token, has been deleted"
            )
    return Command.of(command_id, written, ContentEncoding.PLAIN_TEXT)
