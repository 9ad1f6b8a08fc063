"""The application of each role of the control plane. Only a worker loads what its role does."""

import os
from functools import cache
from typing import Any, Final

from cloudassist import remote, topology, transport
from cloudassist.app import Application, from_environment
from cloudassist.control import flower
from cloudassist.control.settings import ControlSettings, Role
from cloudassist.settings import read

_DUTIES: Final = "cloudassist.control.duties:Duties"
_SIGNING: Final = "cloudassist.control.signing:Signing"
_ENROLLING: Final = "cloudassist.control.enrolling:Enrolling"
_QUEUES: Final = {Role.DISPATCH: topology.DISPATCH_QUEUE, Role.ENROL: topology.ENROL_QUEUE}
_STEPS: Final = {Role.DISPATCH: _SIGNING, Role.ENROL: _ENROLLING}


class ControlApplication(Application):
    """The application of a role of the control plane; a dispatch worker has what its tasks need while it runs."""

    remote_commands = remote.READ_ONLY | {"shutdown", "enable_events", "disable_events"}
    settings: ControlSettings
    redelivery: Any
    occurrences: Any

    def check(self) -> None:
        """Raise ConfigurationError where a worker of this role could not work."""
        from cloudassist.control import keys  # noqa: PLC0415 - see the module's text

        keys.check(self.settings)


def make_app(settings: ControlSettings) -> ControlApplication:
    """Return the application of one role of the control plane."""
    role = Role(settings.role)
    looks = role is Role.FLOWER
    queue = _QUEUES.get(role, topology.DEFAULT_QUEUE)
    app = ControlApplication(
        "cloudassist",
        settings,
        task_default_queue=queue,
        task_queues=transport.direct_queues(topology.CONTROL_QUEUES if looks else [queue]),
        worker_concurrency=2,
        worker_send_task_events=True,
        control_exchange=topology.FLOWER_EXCHANGE if looks else topology.CONTROL_EXCHANGE,
    )
    if role is Role.DISPATCH:
        from cloudassist.dispatch.tasks import Foresee, Occur, Redeliver  # noqa: PLC0415 - see the module's text

        for task in (Redeliver(), Occur(), Foresee()):
            app.register_task(task)
    app.steps["worker"].add(_STEPS.get(role, _DUTIES))
    return app


@cache
def application() -> ControlApplication:
    """Return the application that ``celery -A cloudassist`` uses, from the environment."""
    flower.prepare(os.environ)
    return from_environment(lambda: make_app(read(ControlSettings)))
