"""DescribeCommands (API a.5)."""

from collections.abc import Sequence
from typing import Unpack

from cloudassist.content_encoding import ContentEncoding
from cloudassist.errors import NotFoundError
from cloudassist.models.command import Command
from cloudassist.operations import arguments, listing, not_built
from cloudassist.operations.definition import Definition
from cloudassist.operations.filters import Filter
from cloudassist.operations.listing import Index, Listing, Position
from cloudassist.operations.not_built import ListNotBuilt
from cloudassist.operations.steps import Context, Operation
from cloudassist.store import commands


def describe_commands(
    context: Context,
    *,
    command_id: str | None = None,
    name: str | None = None,
    description: str | None = None,
    type: str | None = None,  # noqa: A002 - the API's name
    content_encoding: str = "PlainText",
    max_results: int | None = None,
    next_token: str = "",
    page_number: int | None = None,
    page_size: int | None = None,
    **refused: Unpack[ListNotBuilt],
) -> Operation[Listing[Command]]:
    """Return a page of the kept commands, the newest first (API a.5).

    ``name`` and ``description`` may have ``*`` for any text. With ``command_id`` also a command is found that is not
    kept and whose run has not ended. ``content_encoding`` says how ``command_content`` is written.
    """
    not_built.refuse("describe_commands", ListNotBuilt, refused)
    encoding = arguments.content_encoding(content_encoding)
    wanted = listing.window(context.settings, max_results, next_token, page_number, page_size)
    filters = {"name": name, "description": description, "type": type, "command_id": command_id}
    exact = {"type": None if type is None else arguments.command_type(type).value}
    chosen = Filter.of(exact, {"name": name, "description": description})
    index = _index(command_id, chosen, encoding)
    return (yield from listing.page("commands", filters, wanted, index))


def known_command(command_id: str) -> Operation[Definition]:
    """Return the definition of a command; raises NotFoundError (InvalidCmdId.NotFound)."""
    return Definition.of((yield from known_fields(command_id)))


def known_fields(command_id: str) -> Operation[dict[str, str]]:
    """Return what the ledger holds of a command; raises NotFoundError (InvalidCmdId.NotFound)."""
    (fields,) = yield [commands.read(check_id(command_id))]
    if not fields:
        raise not_found(command_id)
    return dict(fields)


def check_id(command_id: object) -> str:
    """Return an id that may be a command's; raises NotFoundError for what cannot be one."""
    if not isinstance(command_id, str) or not command_id or " " in command_id:
        raise not_found(command_id)
    return command_id


def not_found(command_id: object) -> NotFoundError:
    """Return the error for a command that is not there."""
    return NotFoundError("InvalidCmdId.NotFound", f"there is no command {command_id!r:.100}")


def _index(command_id: str | None, wanted: Filter, encoding: ContentEncoding) -> Index[Command]:
    def after(position: Position, size: int) -> Operation[list[tuple[Position, str]]]:
        if command_id is not None:
            return [] if position else [(command_id, command_id)]
        (found,) = yield [commands.page(int(position) if position else None, size)]
        return [(str(number), name) for name, number in found]

    def fit(names: Sequence[str]) -> Operation[list[bool]]:
        answers = yield [commands.read(name) for name in names]
        return [bool(fields) and wanted.fits(fields) for fields in answers]

    def load(names: Sequence[str]) -> Operation[list[Command | None]]:
        answers = yield [commands.read(name) for name in names]
        return [
            Command.of(name, fields, encoding) if fields else None for name, fields in zip(names, answers, strict=True)
        ]

    def total() -> Operation[int]:
        (count,) = yield [commands.total()]
        return int(count)

    return Index(after, load, total, fit if command_id is not None or not wanted.is_open else None)
