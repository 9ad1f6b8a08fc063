"""Stops: read from the instance's own control queue, on Celery's consumer thread.

They reach an agent whose slots are all taken within a millisecond or two; Celery's own broadcast would wake every
agent for each. An agent that starts empties its control queue before it consumes orders, so that a stop which came
first is also obeyed first.
"""

import json
import logging
from typing import Any

from celery import bootsteps
from kombu import Consumer

from cloudassist import topology, transport
from cloudassist.errors import MessageError
from cloudassist.orders import Purpose
from cloudassist_agent.agent import Agent
from cloudassist_agent.settings import QUEUES_PER_CHANNEL

log = logging.getLogger(__name__)


class StopConsumer(bootsteps.ConsumerStep):  # type: ignore[misc]
    """Consumes the control queues of this agent's instances; each group of them on a channel of its own."""

    def start(self, c: Any) -> None:
        """Obey what waits already, then consume."""
        agent: Agent = c.app.agent
        names = [topology.control_queue(instance_id) for instance_id in c.app.settings.instance_id]
        with c.connection.channel() as channel:
            for name in names:
                while message := channel.basic_get(name, no_ack=True):
                    obey(agent, c.app, message)
        self.consumers = [
            Consumer(
                c.connection.channel(),
                queues=transport.direct_queues(names[start : start + QUEUES_PER_CHANNEL]),
                on_message=lambda message: obey(agent, c.app, message),
                no_ack=True,
                auto_declare=False,
            )
            for start in range(0, len(names), QUEUES_PER_CHANNEL)
        ]
        for consumer in self.consumers:
            consumer.consume()


def obey(agent: Agent, app: Any, message: Any) -> None:
    """Carry out one stop; never raises: this is the thread that everything else on the agent waits for."""
    queue = message.delivery_info.get("routing_key", "")
    try:
        envelope = json.loads(message.body)
        agent.orders.stop(agent.orders.open(Purpose.STOP, envelope))
    except (MessageError, ValueError) as error:
        app.refuse(queue, error if isinstance(error, MessageError) else MessageError("bad-body"))
    except Exception:
        log.exception("a stop on %s could not be carried out", queue)
