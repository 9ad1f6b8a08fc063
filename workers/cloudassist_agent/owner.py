"""Whose an instance id is: the first key and the first machine that were registered with it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Owner:
    """This agent's public key, and what tells its machine from a copy; empty where the system has no such thing."""

    public_key: str
    machine_id: str

    def is_it(self, registered: str) -> bool:
        """Tell whether the registered ``<public key>/<machine id>`` is this one; what is not known does not differ."""
        public_key, _, machine_id = registered.partition("/")
        if machine_id and self.machine_id and machine_id != self.machine_id:
            return False
        return public_key == self.public_key
