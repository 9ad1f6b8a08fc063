"""Every number of the specification, with its unit and its source.

Settings take their defaults from here; nothing else in the code writes one of these numbers again. "overview" is
the product's overview page, "api" the operations reference, "design" our own decision (docs/decisions.md).
"""

from typing import Final

# --- commands -------------------------------------------------------------------------------------------------
COMMAND_CONTENT_BYTES: Final = 16 * 1024
"""Bytes: of the Base64 of the script when a command is made; of that and of the Base64 of the parameters' JSON together
when it is run (overview, "Limits")."""
RENDERED_SCRIPT_BYTES: Final = 64 * 1024
"""Bytes of the script after its parameters were filled in (design)."""
PARAMETER_COUNT: Final = 20
"""Custom parameters of one command (overview, "Limits")."""
PARAMETER_NAME_BYTES: Final = 64
"""Bytes of a parameter's name (api c)."""
SECRET_NAMES: Final = (
    "password", "passwd", "pwd", "passphrase", "secret", "token", "credential", "credentials", "apikey", "privatekey",
    "accesskey",
)  # fmt: skip
"""Words in a parameter's name that make it secret (design); words that belong together are written together."""
WINDOWS_PASSWORD_NAME_CHARACTERS: Final = 255
"""Characters of WindowsPasswordName (api a.1)."""
COMMAND_NAME_CHARACTERS: Final = 128
"""Characters of a command's name (api c)."""
COMMAND_DESCRIPTION_CHARACTERS: Final = 512
"""Characters of a command's description (api c)."""
WORKING_DIR_CHARACTERS: Final = 200
"""Characters of a working directory (api c)."""
USERNAME_CHARACTERS: Final = 255
"""Characters of a user's name (api c)."""
KEPT_COMMANDS: Final = 500
"""Commands that a region keeps (api c, kept commands per region); a setting up to KEPT_COMMANDS_CEILING."""
KEPT_COMMANDS_CEILING: Final = 50_000
"""Commands, the most that the setting may allow (api c)."""

# --- runs -----------------------------------------------------------------------------------------------------
TIMEOUT_DEFAULT_SECONDS: Final = 60
"""Seconds a script may run when nothing is said (api a.1)."""
TIMEOUT_MINIMUM_SECONDS: Final = 10
"""Seconds, the least timeout (api a.1)."""
TIMEOUT_MAXIMUM_SECONDS: Final = 86_400
"""Seconds, the greatest timeout (api c, console)."""
INSTANCES_PER_CALL: Final = 100
"""Instances one run may name (api a.1); a setting up to INSTANCES_PER_CALL_CEILING."""
INSTANCES_PER_CALL_CEILING: Final = 50_000
"""Instances, the most that the setting may allow (design)."""
CALLS_PER_DAY: Final = 5_000
"""Calls of RunCommand and InvokeCommand per region and day (api c); occurrences of a schedule do not count."""
OPEN_RECORDS: Final = 200_000
"""Records of a region that have not ended, beyond which runs are refused (design)."""
RECURRING_TASKS: Final = 10_000
"""Recurring tasks of a region that go on (design)."""
CLIENT_TOKEN_CHARACTERS: Final = 64
"""ASCII characters of a ClientToken (api a.0)."""
CLIENT_TOKEN_SECONDS: Final = 24 * 3600
"""Seconds a ClientToken is remembered (design)."""
RUNNING_PER_INSTANCE: Final = 10
"""Scripts one instance runs at a time (api c, agent concurrency)."""
WAITING_PER_INSTANCE: Final = 50
"""Records that may wait for one instance besides those that run (api c, agent concurrency)."""
DELIVERY_SECONDS: Final = 60
"""Seconds within which an order must be claimed unless the instance is full (api b.2, Aborted)."""
START_WINDOW_SECONDS: Final = 3600
"""Seconds after planning at which an order that waits behind a full instance ends (design)."""
DELIVER_WITHIN_SECONDS: Final = 7 * 86_400
"""Seconds that a call may give offline instances to come back, the most (design)."""

# --- instances ------------------------------------------------------------------------------------------------
INSTANCE_ID_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
"""What an instance may be called: it becomes part of queue names and of access rules (design)."""
INTERVAL_SECONDS: Final = 10
"""Seconds between two runs of a recurring task, the fewest (overview)."""
RATE_SECONDS: Final = 7 * 86_400
"""Seconds of a rate, the most (api a.19)."""
MISFIRE_SECONDS: Final = 60
"""Seconds that a recurring task may be late before its moment counts as missed, the most where nothing else is said."""
HISTORY_RUNS: Final = 1_000
"""Runs of a recurring task that are kept."""
HISTORY_BYTES: Final = 2**30
"""Bytes of output of the runs of all recurring tasks that are kept."""
PRESENCE_INTERVAL_SECONDS: Final = 15
"""Seconds between two signs of life of an instance (design)."""
PRESENCE_LIFETIME_SECONDS: Final = 45
"""Seconds after which an instance that gave no sign of life counts as offline (design)."""
TAG_COUNT: Final = 20
"""Tags of one instance (api a.0)."""
TAG_KEY_CHARACTERS: Final = 64
"""Characters of a tag's key (api a.0)."""
TAG_VALUE_CHARACTERS: Final = 128
"""Characters of a tag's value (api a.0)."""

# --- activations ----------------------------------------------------------------------------------------------
ACTIVATION_INSTANCES: Final = 10
"""Machines that an activation is for when nothing is said (api a.17)."""
ACTIVATION_INSTANCES_MAXIMUM: Final = 1_000
"""Machines, the most that one activation may be for (api a.17)."""
ACTIVATION_HOURS: Final = 4
"""Hours that an activation is good for when nothing is said (api a.17)."""
ACTIVATION_HOURS_MAXIMUM: Final = 24
"""Hours, the most (api a.17, console); a setting."""
ACTIVATIONS: Final = 5_000
"""Activations of a region that are kept (api a.17)."""
ACTIVATION_KNOWN_SECONDS: Final = 24 * 3600
"""Seconds after its end in which an activation's user still gets in, so as to be told why it is of no use (design)."""
INSTANCE_PREFIX_PATTERN: Final = r"[A-Za-z][A-Za-z0-9_.-]{1,49}"
"""What the names of an activation's instances may begin with (api a.17; characters as those of an instance's id)."""
ACTIVATION_DESCRIPTION_CHARACTERS: Final = 100
"""Characters of an activation's description (api a.17)."""
INSTANCE_NAME_CHARACTERS: Final = (2, 128)
"""Characters of an instance's name, the fewest and the most; it begins with a letter (api a.17)."""
PETITION_SECONDS: Final = 5
"""Seconds to wait for the worker of the role enrol (design)."""
ENROLMENTS_WAITING: Final = 10_000
"""Requests to enrol that may wait; of more the newest are dropped, and their machines ask again (design)."""

# --- results --------------------------------------------------------------------------------------------------
OUTPUT_BYTES: Final = 24 * 1024
"""Bytes of output kept per record, head and tail together; the rest is counted in Dropped (api c)."""
CHUNK_BYTES: Final = 2 * 1024
"""Bytes of one chunk of live output, the last that were written; at most one a second (api d.5)."""
ERROR_INFO_CHARACTERS: Final = 255
"""Characters of the sentence beside an error code (api d.5)."""
RETENTION_SECONDS: Final = 30 * 24 * 3600
"""Seconds a finished invocation is kept (api c, retention)."""
RETENTION_INVOCATIONS: Final = 10_000
"""Finished invocations that are kept, the newest (api c, retention)."""

RETENTION_BYTES: Final = 2 * 2**30
"""Bytes that the finished invocations that are kept may take, about (design)."""
RECORD_BYTES: Final = 1_000
"""Bytes that are counted for a finished record besides its output (design)."""

# --- paging ---------------------------------------------------------------------------------------------------
PAGE_SIZE: Final = 10
"""Rows of a page when nothing is said (api a.0)."""
PAGE_SIZE_MAXIMUM: Final = 50
"""Rows, the most that one page may have (api a.0)."""

INSTANCES_SHOWN: Final = 100
"""Instances that a row of DescribeInvocations shows; results in pages show the rest (design)."""

# --- audit trail ----------------------------------------------------------------------------------------------
CALLER_CHARACTERS: Final = 255
"""Characters of a caller's name (design)."""
AUDIT_ENTRIES: Final = 50_000
"""Entries of the audit trail that are kept, the newest, about (design)."""
AUDITED_INSTANCES: Final = 100
"""Instances that one entry of the audit trail names; of more, it has the number (design)."""

# --- messages and the server ----------------------------------------------------------------------------------
MESSAGE_BYTES: Final = 256 * 1024
"""Bytes of one message on any queue; a longer one is put aside unread (design)."""
KEYS_PER_CALL: Final = 1_000
"""Keys that one server-side function may touch, so that nobody waits for it longer than a few ms (design)."""
WAITING_REPORTS: Final = 200_000
"""Reports that may wait for an aggregator; of more the newest are dropped, and told again later (design)."""
WAITING_BYTES: Final = 2**30
"""Bytes of reports that may wait for an aggregator, about: as many as that of the size of the newest (design)."""
REPORTS_DROPPED: Final = 10_000
"""Reports dropped at a time where there are too many, so that nobody waits for it longer than a few ms (design)."""
REPORTS_PER_TAKE: Final = 1_000
"""Reports that an aggregator takes at a time (design)."""
HANDED_OVER: Final = 1_000
"""Messages that may wait for dispatch; beyond, the sweeper hands nothing over, and looks again later (design)."""
REJECTED_MESSAGES: Final = 1_000
"""Messages kept in the list of the rejected ones, newest first (design)."""
