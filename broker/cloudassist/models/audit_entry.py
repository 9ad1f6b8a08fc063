"""One entry of the audit trail."""

from typing import Self

from cloudassist.models.base import ApiModel, Time, moment


class AuditEntry(ApiModel):
    """Who did what, to which command and run, on which instances, when, and with which outcome.

    ``instance_ids`` names at most the first hundred of ``instance_count``. ``outcome`` is ``ok``, or the error's code.
    """

    time: Time
    caller: str
    operation: str
    subject: tuple[str, ...]
    instance_ids: tuple[str, ...]
    instance_count: int
    outcome: str

    @classmethod
    def of(cls, entry_id: str, fields: dict[str, str]) -> Self:
        """Build the entry from what the ledger holds."""
        return cls(
            time=moment(entry_id.partition("-")[0]),
            caller=fields["caller"],
            operation=fields["operation"],
            subject=tuple(fields["subject"].split()),
            instance_ids=tuple(fields["instances"].split()),
            instance_count=int(fields["instance_count"]),
            outcome=fields["outcome"],
        )
