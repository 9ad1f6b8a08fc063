"""``{{name}}`` in a command: find the names, check them and the values, fill them in.

Names are case-insensitive and may have white space just inside the braces. ``{{ACS::Name}}`` are built-ins that are
known only where the script runs. Filling in is one pass over the template, so a value that contains ``{{x}}`` stays
as it is (docs/decisions.md; API d.7).
"""

import re
from collections.abc import Mapping
from typing import Final

from cloudassist import limits
from cloudassist.errors import InvalidParameterError, LimitExceededError

BUILT_INS: Final = ("RegionId", "InstanceId", "InstanceName", "InvokeId", "CommandId")
"""Names that may follow ``ACS::`` (API a.2); their case matters."""

_PREFIX: Final = "ACS::"
_PLACEHOLDER: Final = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+\Z")


def find_names(template: str, most: int = limits.PARAMETER_COUNT) -> tuple[str, ...]:
    """Return the custom names in a template, lower-cased, each once, in order of appearance; at most so many.

    Raises InvalidParameterError (CmdParam.EmptyKey, CmdParam.InvalidParamName) or LimitExceededError
    (CmdParamName.ExceedLimit, CmdParamCount.ExceedLimit).
    """
    names: dict[str, None] = {}
    for match in _PLACEHOLDER.finditer(template):
        name = match.group(1)
        if name.startswith(_PREFIX):
            _check_built_in(name)
        else:
            _check_name(name)
            names[name.lower()] = None
    if len(names) > most:
        raise LimitExceededError(
            "CmdParamCount.ExceedLimit", f"command_content has {len(names)} parameters; the limit is {most}"
        )
    return tuple(names)


def check_values(
    names: tuple[str, ...], values: Mapping[str, str], most: int = limits.PARAMETER_COUNT
) -> dict[str, str]:
    """Return the values of one run, keyed by lower-cased name.

    ``names`` are those of the command. Raises InvalidParameterError (ParameterType.NotSupported, Parameter.NotMatched,
    ParameterKey.Duplicate) or LimitExceededError (ParameterCount.ExceedLimit).
    """
    if len(values) > most:
        raise LimitExceededError(
            "ParameterCount.ExceedLimit", f"parameters has {len(values)} entries; the limit is {most}"
        )
    checked: dict[str, str] = {}
    for name, value in values.items():
        _check_value(name, value)
        key = name.lower()
        if key in checked:
            raise InvalidParameterError(
                "ParameterKey.Duplicate", f"parameters names {name!r} twice; names are case-insensitive", status=403
            )
        if key not in names:
            raise InvalidParameterError(
                "Parameter.NotMatched",
                f"parameters names {name!r}, which is not in the command; it has {', '.join(names) or 'none'}",
                status=403,
            )
        checked[key] = value
    return checked


def render(template: str, values: Mapping[str, str], built_ins: Mapping[str, str]) -> str:
    """Fill a template in, in one pass; names without a value become empty."""

    def replace(match: re.Match[str]) -> str:
        name = match.group(1)
        if name.startswith(_PREFIX):
            return built_ins.get(name.removeprefix(_PREFIX), "")
        return values.get(name.lower(), "")

    return _PLACEHOLDER.sub(replace, template)


def _check_built_in(name: str) -> None:
    if name.removeprefix(_PREFIX) not in BUILT_INS:
        known = ", ".join(_PREFIX + built_in for built_in in BUILT_INS)
        raise InvalidParameterError(
            "InvalidSystemBuiltInParameter", f"command_content uses {{{{{name}}}}}; the built-ins are {known}"
        )


def _check_name(name: str) -> None:
    if not name:
        raise InvalidParameterError("CmdParam.EmptyKey", "command_content has an empty {{}}; a parameter needs a name")
    if len(name.encode()) > limits.PARAMETER_NAME_BYTES:
        raise LimitExceededError(
            "CmdParamName.ExceedLimit",
            f"the parameter name {name!r} has {len(name.encode())} bytes; the limit is {limits.PARAMETER_NAME_BYTES}",
        )
    if not _NAME.match(name):
        raise InvalidParameterError(
            "CmdParam.InvalidParamName",
            f"the parameter name {name!r} may only have letters, digits, '-' and '_'; for a script that uses {{{{ }}}} "
            "itself, say enable_parameter=False",
        )


def _check_value(name: object, value: object) -> None:
    if not isinstance(name, str) or not isinstance(value, str):
        raise InvalidParameterError(
            "ParameterType.NotSupported",
            f"parameters must map text to text; {name!r} has a value of type {type(value).__name__}",
            status=403,
        )
    if "\0" in value or _SURROGATE.search(value):
        raise InvalidParameterError(
            "InvalidParameterCharset.Parameters",
            f"the value of parameter {name!r} has a NUL character or is not valid unicode; no shell takes that",
            status=403,
        )
