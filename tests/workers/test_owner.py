import pytest

from cloudassist_agent.owner import Owner


@pytest.mark.parametrize(
    ("registered", "machine_id", "is_it"),
    [
        ("key/machine", "machine", True),
        ("key/machine", "copy", False),
        ("key/machine", "", True),
        ("key/", "machine", True),
        ("other/machine", "machine", False),
        ("", "machine", False),
    ],
)
def test_an_id_belongs_to_a_key_and_a_machine_where_there_is_such_a_thing(registered, machine_id, is_it):
    assert Owner("key", machine_id).is_it(registered) is is_it
