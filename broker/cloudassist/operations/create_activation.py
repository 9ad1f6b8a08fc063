"""CreateActivation: let so many machines become instances, for so long (API a.17)."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Unpack

from cloudassist import limits
from cloudassist.activation import ActivationCode, new_activation_id
from cloudassist.errors import InvalidParameterError, LimitExceededError
from cloudassist.models.activation import Activation
from cloudassist.operations import arguments, not_built, petitioning, refusals, targets
from cloudassist.operations.audited import audited
from cloudassist.operations.describe_activations import known_activation
from cloudassist.operations.not_built import ActivationNotBuilt
from cloudassist.operations.steps import Context, Operation, Pin
from cloudassist.petition import Wish
from cloudassist.store.audit import Act


@dataclass(frozen=True, slots=True)
class _Terms:
    """The checked arguments but for the token."""

    count: int
    hours: int
    prefix: str
    description: str
    tags: dict[str, str]

    def digest(self) -> str:
        """Return a hash over them."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


def create_activation(
    context: Context,
    *,
    instance_count: int = limits.ACTIVATION_INSTANCES,
    time_to_live_in_hours: int = limits.ACTIVATION_HOURS,
    instance_name: str = "",
    description: str = "",
    tags: Mapping[str, str] | None = None,
    client_token: str | None = None,
    **refused: Unpack[ActivationNotBuilt],
) -> Operation[Activation]:
    """Make an activation; its id and code go to the machines, which are enrolled by `cloudassist-agent register`.

    The instances are called ``<instance_name>-1`` and so on, with as many digits as ``instance_count`` has, or as
    their hosts where ``instance_name`` is empty; they carry the ``tags``. The code is in the answer and nowhere else:
    the same ``client_token`` with the same arguments returns the same activation without it.

    Raises InvalidParameterError and its kinds, ConflictError, ConfigurationError, ServiceUnavailableError.
    """
    settings = context.settings
    not_built.refuse("create_activation", ActivationNotBuilt, refused)
    terms = _Terms(
        _whole("instance_count", instance_count, limits.ACTIVATION_INSTANCES_MAXIMUM, "InstanceCount"),
        _whole("time_to_live_in_hours", time_to_live_in_hours, settings.activation_hours_maximum, "TimeToLiveInHours"),
        _prefix(instance_name),
        arguments.bounded_text(
            "description", description, limits.ACTIVATION_DESCRIPTION_CHARACTERS, "InvalidParameter.Description"
        ),
        _tags(tags),
    )
    token = None if client_token is None else arguments.client_token(client_token)
    activation_id = new_activation_id()
    act = Act(caller=context.caller, operation=Wish.CREATE_ACTIVATION, subject=(activation_id,))
    return (yield from audited(act, _create(context, activation_id, terms, token, act)))


def _create(
    context: Context, activation_id: str, terms: _Terms, client_token: str | None, act: Act
) -> Operation[Activation]:
    (root,) = yield Pin()
    code = ActivationCode.new(root)
    token = activation_id if client_token is None else client_token
    values = {
        "client_token": token,
        "digest": terms.digest(),
        "login": code.password_digest,
        "verifier": code.verifier,
        "count": str(terms.count),
        "hours": str(terms.hours),
        "prefix": terms.prefix,
        "description": terms.description,
        "tags": json.dumps(terms.tags),
        "caller": context.caller,
    }
    earlier = yield from petitioning.ask(context, Wish.CREATE_ACTIVATION, activation_id, act, values)
    if earlier is None:
        return (yield from known_activation(activation_id, code.format()))
    (first,) = refusals.settle(earlier, terms.digest(), token, context.settings)
    return (yield from known_activation(first))


def _whole(field: str, value: object, most: int, code: str) -> int:
    if type(value) is not int:
        raise arguments.wrong_type(field, "a whole number", value)
    if not 1 <= value <= most:
        raise LimitExceededError(f"InvalidParameter.{code}", f"{field} must be from 1 to {most}; it is {value}")
    return value


def _tags(value: Mapping[str, str] | None) -> dict[str, str]:
    tags = targets.tags(value) if value else {}
    for key, text in tags.items():
        if "," in key + text:
            raise InvalidParameterError(
                "InvalidParameter.Tags", f"the tag {key!r} has a comma in it, which an agent's settings cannot carry"
            )
    return tags


def _prefix(value: object) -> str:
    prefix = arguments.text("instance_name", value)
    if prefix and re.fullmatch(limits.INSTANCE_PREFIX_PATTERN, prefix) is None:
        raise InvalidParameterError(
            "InvalidParameter.InstanceName",
            f"instance_name {prefix!r:.100} cannot begin the names of instances; it must match "
            f"{limits.INSTANCE_PREFIX_PATTERN}",
        )
    return prefix
