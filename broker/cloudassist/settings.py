"""Settings: read once from the environment, checked, frozen, and passed down.

Each field of :class:`Settings` is the environment variable ``CLOUDASSIST_<FIELD>`` in capitals. A role adds its own by
deriving a class and calling :func:`read` with it. A bad value is a ConfigurationError that names variable, rule and
value; defaults never hide it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlsplit

from cloudassist import caller, limits
from cloudassist.errors import ConfigurationError
from cloudassist.expressions import zones

PREFIX: Final = "CLOUDASSIST_"
OVERLAPS: Final = ("skip", "allow")
TEXT_LOG: Final = "text"
JSON_LOG: Final = "json"
LOG_FORMATS: Final = (TEXT_LOG, JSON_LOG)
TLS_SCHEME: Final = "rediss://"
SCHEMES: Final = ("redis://", TLS_SCHEME, "sentinel://")

S = TypeVar("S", bound="Settings")


def bounded(default: float, *, least: float, most: float) -> Any:
    """Declare a number with its bounds; its unit stands in the field's docstring."""
    return field(default=default, metadata={"least": least, "most": most})


def default_state_dir() -> Path:
    """Return the folder of keys and journals: /var/lib/cloudassist for root, else below the home folder."""
    if os.geteuid() == 0:
        return Path("/var/lib/cloudassist")
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "cloudassist"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every role may need to know about the installation."""

    url: str = "redis://127.0.0.1:6379/0"
    """The Redis or Valkey server: redis://, rediss://, or ``sentinel://host:port/db;sentinel://host:port/db``."""
    password_file: Path | None = None
    """File of the password of the URL's user, which then stands in no environment; None: the URL has it."""
    tls_ca: Path | None = None
    """File of the CA certificates by which a rediss:// server is believed; None: the system's."""
    tls_certificate: Path | None = None
    """File of the certificate that is shown to a rediss:// server; None: none is shown."""
    tls_key: Path | None = None
    """File of the private key of that certificate."""
    sentinel_master: str = "mymaster"
    """What the Sentinels call the primary, where the URL names Sentinels."""
    state_dir: Path = field(default_factory=default_state_dir)
    """Folder of the keys and of the agents' journals."""
    signing_key: Path | None = None
    """File of the signing key; None: ``signing.key`` in the state folder."""
    report_key: Path | None = None
    """File of the report key; None: ``report.key`` in the state folder."""
    root_key: Path | None = None
    """File of the root key, which signs the key set and is kept offline; None: ``root.key`` in the state folder."""
    key_set: Path | None = None
    """File of the key set, which control workers put on the server; None: ``key-set`` in the state folder."""
    trust: str = ""
    """The root's public key, as ``assist init`` prints it; empty: it is in the trust file."""
    trust_file: Path | None = None
    """File of the root's public key; None: ``trust`` in the state folder."""
    region: str = "local"
    """What ``{{ACS::RegionId}}`` stands for."""

    caller: str = ""
    """Who makes the calls, as commands, runs and the audit trail name it; empty: the user and the host."""
    log_format: str = TEXT_LOG
    """``text``, or ``json``: what control plane, beats and agents log is one JSON object a line."""

    command_content_bytes: int = bounded(limits.COMMAND_CONTENT_BYTES, least=1, most=64 * 1024)
    """Bytes of the Base64 of a script, and of a script and its parameters together when it is run."""
    rendered_script_bytes: int = bounded(limits.RENDERED_SCRIPT_BYTES, least=1, most=1024 * 1024)
    """Bytes of a script after its parameters were filled in; the agent's setting counts."""
    parameter_count: int = bounded(limits.PARAMETER_COUNT, least=0, most=1_000)
    """Custom parameters of a command."""
    command_name_characters: int = bounded(limits.COMMAND_NAME_CHARACTERS, least=1, most=1_024)
    """Characters of a command's name."""
    command_description_characters: int = bounded(limits.COMMAND_DESCRIPTION_CHARACTERS, least=1, most=4_096)
    """Characters of a command's description."""
    working_dir_characters: int = bounded(limits.WORKING_DIR_CHARACTERS, least=1, most=4_096)
    """Characters of a working directory."""
    username_characters: int = bounded(limits.USERNAME_CHARACTERS, least=1, most=255)
    """Characters of a user's name."""
    timeout_default_seconds: int = bounded(limits.TIMEOUT_DEFAULT_SECONDS, least=1, most=7 * 86_400)
    """Seconds a script may run when nothing is said."""
    timeout_minimum_seconds: int = bounded(limits.TIMEOUT_MINIMUM_SECONDS, least=1, most=86_400)
    """Seconds, the least timeout."""
    timeout_maximum_seconds: int = bounded(limits.TIMEOUT_MAXIMUM_SECONDS, least=1, most=7 * 86_400)
    """Seconds, the greatest timeout."""
    secret_names: tuple[str, ...] = limits.SECRET_NAMES
    """Words in a parameter's name that make it secret: its value is sealed, and masked wherever it would be shown."""
    kept_commands: int = bounded(limits.KEPT_COMMANDS, least=0, most=limits.KEPT_COMMANDS_CEILING)
    """Commands that the region keeps."""
    calls_per_day: int = bounded(limits.CALLS_PER_DAY, least=0, most=10_000_000)
    """Calls of RunCommand and InvokeCommand per day (UTC, by the server's clock)."""
    open_records: int = bounded(limits.OPEN_RECORDS, least=1, most=10_000_000)
    """Records of the region that have not ended; a run that would make more of them is refused."""
    recurring_tasks: int = bounded(limits.RECURRING_TASKS, least=0, most=1_000_000)
    """Recurring tasks of the region that go on."""
    activations: int = bounded(limits.ACTIVATIONS, least=0, most=1_000_000)
    """Activations that the region keeps."""
    activation_hours_maximum: int = bounded(limits.ACTIVATION_HOURS_MAXIMUM, least=1, most=24 * 366)
    """Hours that an activation may be good for, the most."""
    client_token_seconds: int = bounded(limits.CLIENT_TOKEN_SECONDS, least=60, most=30 * 86_400)
    """Seconds a ClientToken is remembered."""
    page_size: int = bounded(limits.PAGE_SIZE, least=1, most=1_000)
    """Rows of a page when nothing is said."""
    page_size_maximum: int = bounded(limits.PAGE_SIZE_MAXIMUM, least=1, most=1_000)
    """Rows, the most that one page may have."""
    instances_per_call: int = bounded(limits.INSTANCES_PER_CALL, least=1, most=limits.INSTANCES_PER_CALL_CEILING)
    """Instances that one call may name."""
    running_per_instance: int = bounded(limits.RUNNING_PER_INSTANCE, least=1, most=1_000)
    """Scripts that one instance runs at a time."""
    waiting_per_instance: int = bounded(limits.WAITING_PER_INSTANCE, least=0, most=100_000)
    """Records that may wait for one instance besides."""

    delivery_seconds: float = bounded(limits.DELIVERY_SECONDS, least=1, most=86_400)
    """Seconds within which an order must be claimed unless the instance is full."""
    start_window_seconds: float = bounded(limits.START_WINDOW_SECONDS, least=1, most=7 * 86_400)
    """Seconds after planning at which a record that still waits ends."""
    deliver_within_maximum_seconds: int = bounded(limits.DELIVER_WITHIN_SECONDS, least=1, most=30 * 86_400)
    """Seconds that a call may give offline instances to come back, the most."""
    kill_grace_seconds: float = bounded(5, least=0, most=300)
    """Seconds between SIGTERM and SIGKILL at a timeout or a stop."""
    silence_grace_seconds: float = bounded(60, least=0, most=86_400)
    """Seconds past its deadline after which a silent record of an offline instance fails."""
    server_settle_seconds: float = bounded(45, least=0, most=3_600)
    """Seconds after a start of the server in which no verdict is made from silence."""
    redelivery_seconds: float = bounded(3, least=0.1, most=60)
    """Seconds after which a silent order is sent again for the first time; it doubles each time."""
    redelivery_ceiling_seconds: float = bounded(60, least=0.1, most=3_600)
    """Seconds, the longest time between two redeliveries."""
    time_zone: str = "UTC"
    """Whose time a Frequency means that names no zone."""
    misfire_seconds: float = bounded(0, least=0, most=86_400)
    """Seconds that a recurring task may be late before its moment counts as missed; 0: one interval, at most 60."""
    overlap: str = "skip"
    """``skip`` a moment of a recurring task on an instance where its last run has not ended, or ``allow`` it."""
    history_runs: int = bounded(limits.HISTORY_RUNS, least=1, most=1_000_000)
    """Runs of a recurring task that are kept, the newest."""
    history_bytes: int = bounded(limits.HISTORY_BYTES, least=0, most=2**50)
    """Bytes of output of all runs of recurring tasks; where there are more, the oldest runs of each go."""
    waiting_reports: int = bounded(limits.WAITING_REPORTS, least=1_000, most=10_000_000)
    """Reports that may wait for an aggregator; of more the newest are dropped, and told again by their instances."""
    presence_interval_seconds: float = bounded(limits.PRESENCE_INTERVAL_SECONDS, least=0.2, most=30)
    """Seconds between two signs of life of an instance; it counts as offline after three."""
    retention_seconds: float = bounded(limits.RETENTION_SECONDS, least=60, most=10 * 365 * 86_400)
    """Seconds a finished invocation is kept."""
    retention_invocations: int = bounded(limits.RETENTION_INVOCATIONS, least=1, most=10_000_000)
    """Finished invocations that are kept, the newest."""
    retention_bytes: int = bounded(limits.RETENTION_BYTES, least=0, most=2**50)
    """Bytes that they may take, about; where there are more, the oldest go."""

    @property
    def signing_key_file(self) -> Path:
        """Return where the signing key is."""
        return self.signing_key or self.state_dir / "signing.key"

    @property
    def report_key_file(self) -> Path:
        """Return where the report key is."""
        return self.report_key or self.state_dir / "report.key"

    @property
    def root_key_file(self) -> Path:
        """Return where the root key is."""
        return self.root_key or self.state_dir / "root.key"

    @property
    def key_set_file(self) -> Path:
        """Return where the key set is."""
        return self.key_set or self.state_dir / "key-set"

    @property
    def trust_path(self) -> Path:
        """Return where the root's public key is."""
        return self.trust_file or self.state_dir / "trust"

    @property
    def caller_name(self) -> str:
        """Return who makes the calls."""
        return self.caller or caller.user_and_host()

    @property
    def logs_json(self) -> bool:
        """Tell whether logs are JSON."""
        return self.log_format == JSON_LOG

    @property
    def presence_lifetime_seconds(self) -> float:
        """Return after how long without a sign of life an instance counts as offline."""
        return self.presence_interval_seconds * (limits.PRESENCE_LIFETIME_SECONDS / limits.PRESENCE_INTERVAL_SECONDS)

    def __post_init__(self) -> None:
        """Check every bound, also of values that did not come from the environment."""
        if not self.url.startswith(SCHEMES):
            scheme = self.url.partition("://")[0]
            raise ConfigurationError(
                f"{PREFIX}URL must begin with one of {', '.join(SCHEMES)}; it begins with {scheme!r}"
            )
        self._check_tls()
        for declared in fields(self):
            if declared.metadata.get("most") is not None:
                _check_bounds(declared.name, getattr(self, declared.name), declared.metadata)
        for name, known in (("overlap", OVERLAPS), ("log_format", LOG_FORMATS)):
            if (said := getattr(self, name)) not in known:
                raise ConfigurationError(f"{PREFIX}{name.upper()} must be one of {', '.join(known)}; it is {said!r}")
        try:
            zones.parse(self.time_zone)
        except ValueError as error:
            raise ConfigurationError(f"{PREFIX}TIME_ZONE: {error}") from None
        if len(self.caller) > limits.CALLER_CHARACTERS or not self.caller.isprintable():
            raise ConfigurationError(
                f"{PREFIX}CALLER must be at most {limits.CALLER_CHARACTERS} printable characters; it is {self.caller!r}"
            )

    def _check_tls(self) -> None:
        """Refuse whatever would let somebody believe that a connection is safe which is not."""
        given = [name for name in ("tls_ca", "tls_certificate", "tls_key") if getattr(self, name) is not None]
        if given and not self.url.startswith(TLS_SCHEME):
            raise ConfigurationError(
                f"{PREFIX}{given[0].upper()} needs a {PREFIX}URL that begins with {TLS_SCHEME}"
                + ("; Sentinels cannot be reached by TLS" if self.url.startswith("sentinel://") else "")
            )
        if (self.tls_certificate is None) is not (self.tls_key is None):
            raise ConfigurationError(f"{PREFIX}TLS_CERTIFICATE and {PREFIX}TLS_KEY go together")
        if "ssl_" in urlsplit(self.url).query:
            raise ConfigurationError(
                f"{PREFIX}URL may not have ssl_ options: certificates are always verified, with {PREFIX}TLS_CA"
            )


def read(cls: type[S], environ: Mapping[str, str] | None = None, **overrides: Any) -> S:
    """Build settings of this class from the environment (default: the process's); ``overrides`` win unless None."""
    source = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    for declared in fields(cls):
        text = source.get(PREFIX + declared.name.upper())
        if text is not None:
            values[declared.name] = _convert(declared.name, text, _type_name(declared.type))
    values |= {name: value for name, value in overrides.items() if value is not None}
    settings = cls(**values)
    if settings.password_file is None:
        return settings
    return replace(settings, url=_with_password(settings.url, settings.password_file), password_file=None)


def _with_password(url: str, file: Path) -> str:
    try:
        password = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{PREFIX}PASSWORD_FILE cannot be read: {error}") from None
    scheme, separator, rest = url.partition("://")
    user, at, address = rest.partition("@")
    if not at or ":" in user:
        raise ConfigurationError(
            f"{PREFIX}PASSWORD_FILE needs a user, and no password, in {PREFIX}URL: {scheme}://USER@HOST:PORT/0"
        )
    return f"{scheme}{separator}{user}:{quote(password, safe='')}@{address}"


def _type_name(declared: object) -> str:
    return declared.__name__ if isinstance(declared, type) and not hasattr(declared, "__args__") else str(declared)


def _convert(name: str, text: str, kind: str) -> Any:
    kind = kind.removesuffix(" | None").removeprefix("pathlib.")
    try:
        match kind:
            case "bool":
                return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[text.lower()]
            case "int":
                return int(text)
            case "float":
                return float(text)
            case "Path":
                return Path(text)
            case "tuple[str, ...]":
                return tuple(part.strip() for part in text.split(",") if part.strip())
            case _:
                return text
    except (KeyError, ValueError):
        raise ConfigurationError(f"{PREFIX}{name.upper()} must be of type {kind}; it is {text!r}") from None


def _check_bounds(name: str, value: float, bounds: Mapping[str, Any]) -> None:
    if not bounds["least"] <= value <= bounds["most"]:
        raise ConfigurationError(
            f"{PREFIX}{name.upper()} must be from {bounds['least']} to {bounds['most']}; it is {value}"
        )
