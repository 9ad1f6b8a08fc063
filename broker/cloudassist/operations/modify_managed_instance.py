"""ModifyManagedInstance: the name of an instance (API a.17)."""

from cloudassist import limits
from cloudassist.errors import InvalidParameterError
from cloudassist.models.instance import Instance
from cloudassist.operations import arguments, petitioning
from cloudassist.operations.audited import audited
from cloudassist.operations.instance_rows import known_instance
from cloudassist.operations.steps import Context, Operation
from cloudassist.petition import Wish
from cloudassist.store.audit import Act
from cloudassist.topology import check_instance_id


def modify_managed_instance(context: Context, instance_id: str, *, instance_name: str) -> Operation[Instance]:
    """Give an instance the name by which people know it; its id stays. Returns the instance.

    The name has 2 to 128 characters and begins with a letter. Raises InvalidParameterError, NotFoundError
    (InvalidInstance.NotFound), ServiceUnavailableError.
    """
    name = _name(instance_name)
    checked = check_instance_id(instance_id)
    act = Act(caller=context.caller, operation=Wish.MODIFY_INSTANCE, instance_ids=(checked,))
    yield from audited(act, petitioning.ask(context, Wish.MODIFY_INSTANCE, checked, act, {"name": name}))
    return (yield from known_instance(checked))


def _name(value: object) -> str:
    least, most = limits.INSTANCE_NAME_CHARACTERS
    name = arguments.text("instance_name", value)
    if not (least <= len(name) <= most and name[0].isalpha() and name.isprintable()) or "://" in name:
        raise InvalidParameterError(
            "InvalidParameter.InstanceName",
            f"instance_name must have {least} to {most} printable characters, begin with a letter, and be no URL; it "
            f"is {name!r:.150}",
        )
    return name
