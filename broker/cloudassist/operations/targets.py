"""Where a run goes: instances by their ids, or all that carry the given tags (API a.0, ResourceTag)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from cloudassist import limits
from cloudassist.errors import InvalidParameterError, LimitExceededError, NotFoundError
from cloudassist.operations import arguments
from cloudassist.operations.steps import Context, Operation
from cloudassist.settings import Settings
from cloudassist.store import instances
from cloudassist.store.instances import Enrolment
from cloudassist.store.invocations import READ_CHUNK

NAMED: Final = 10
"""Unknown instances that an error names, the most."""
_RESERVED: Final = ("aliyun", "acs:")
_FORBIDDEN: Final = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class Targets:
    """Either ids or tags; what is not given is None."""

    instance_ids: tuple[str, ...] | None
    resource_tags: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class Resolved:
    """The instances of a run, how each is enrolled, and the server's time in milliseconds."""

    now: int
    instance_ids: tuple[str, ...]
    enrolments: tuple[Enrolment, ...]


def check(instance_ids: object, resource_tags: object, settings: Settings) -> Targets:
    """Check ``instance_ids`` and ``resource_tags``: exactly one of them is to be given."""
    if resource_tags is None:
        if instance_ids is None:
            raise InvalidParameterError(
                "MissingParam.InstanceId", "name the instances with instance_ids, or choose them with resource_tags"
            )
        return Targets(arguments.instance_ids(instance_ids, settings.instances_per_call), None)
    if instance_ids is not None:
        raise InvalidParameterError(
            "InvalidResourceTag.ConflictWithInstanceIds", "instance_ids and resource_tags exclude each other"
        )
    return Targets(None, tags(resource_tags))


def tags(value: object) -> dict[str, str]:
    """Check ``resource_tags``: at least one tag, each key and value as the API allows them."""
    if not isinstance(value, Mapping):
        raise arguments.wrong_type("resource_tags", "a mapping of keys to values", value)
    if not value:
        raise InvalidParameterError("MissingParameter.ResourceTagKey", "resource_tags is empty; give at least one tag")
    if len(value) > limits.TAG_COUNT:
        raise InvalidParameterError(
            "NumberExceed.ResourceTags", f"resource_tags has {len(value)} entries; the limit is {limits.TAG_COUNT}"
        )
    return {_tag_key(key): _tag_value(key, text) for key, text in value.items()}


def resolve(context: Context, targets: Targets) -> Operation[Resolved]:
    """Find the instances; raises NotFoundError for ids that are not registered, or where no instance has the tags."""
    instance_ids = targets.instance_ids
    if instance_ids is None:
        assert targets.resource_tags is not None
        instance_ids = yield from _tagged(targets.resource_tags, context.settings)
    answers = yield [instances.read_enrolments(chunk) for chunk in chunks(instance_ids, READ_CHUNK)]
    found = [enrolment for _, chunk in answers for enrolment in chunk]
    unknown = (instance_id for instance_id, enrolment in zip(instance_ids, found, strict=True) if enrolment is None)
    named = list(islice(unknown, NAMED))
    if named:
        more = sum(1 for _ in unknown)
        raise NotFoundError(
            "InvalidInstance.NotFound",
            f"no instance is registered as {', '.join(named)}" + (f" and {more} more" if more else ""),
        )
    return Resolved(answers[0][0], instance_ids, tuple(found))


def carries(tags_of_instance: str, wanted: Mapping[str, str]) -> bool:
    """Tell whether an instance with these tags (JSON; empty: none) carries all the wanted ones."""
    carried = json.loads(tags_of_instance or "{}")
    return all(carried.get(key) == value for key, value in wanted.items())


def chunks(items: Sequence[str], size: int) -> list[Sequence[str]]:
    """Cut a sequence into pieces of at most ``size``."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def _tagged(wanted: Mapping[str, str], settings: Settings) -> Operation[tuple[str, ...]]:
    found: list[str] = []
    after = ""
    while True:
        (names,) = yield [instances.page(after, READ_CHUNK)]
        if not names:
            break
        carried = yield [instances.read_tags(name) for name in names]
        found += (name for name, text in zip(names, carried, strict=True) if carries(text, wanted))
        after = names[-1]
    shown = ", ".join(f"{key}={value}" for key, value in wanted.items())
    if not found:
        raise NotFoundError("InvalidResourceTag.InstanceNotFound", f"no instance has the tags {shown}", status=400)
    if len(found) > settings.instances_per_call:
        raise LimitExceededError(
            "InstanceIds.ExceedLimit",
            f"resource_tags {shown} match {len(found)} instances; the limit is {settings.instances_per_call}",
        )
    return tuple(found)


def _tag_key(key: object) -> str:
    if not isinstance(key, str) or not 0 < len(key) <= limits.TAG_KEY_CHARACTERS or not _is_plain(key):
        raise _malformed("Key", key, f"1 to {limits.TAG_KEY_CHARACTERS} characters")
    if key.startswith(_RESERVED):
        raise _malformed("Key", key, f"not begin with {' or '.join(_RESERVED)}")
    return key


def _tag_value(key: object, value: object) -> str:
    if not isinstance(value, str) or len(value) > limits.TAG_VALUE_CHARACTERS or not _is_plain(value):
        raise _malformed("Value", value, f"at most {limits.TAG_VALUE_CHARACTERS} characters", of=f" of {key!r}")
    return value


def _is_plain(text: str) -> bool:
    return not any(part in text for part in _FORBIDDEN)


def _malformed(part: str, value: object, rule: str, of: str = "") -> InvalidParameterError:
    return InvalidParameterError(
        f"InvalidResourceTag{part}.Malformed",
        f"the {part.lower()} {value!r:.150} of a tag in resource_tags{of} must be text, have {rule}, and no http:// or "
        "https:// in it",
    )
