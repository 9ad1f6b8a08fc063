from cloudassist import access
from cloudassist.embedded import EmbeddedServer


def test_a_user_that_several_processes_share_is_written_once(tmp_path):
    EmbeddedServer(tmp_path).write_users([access.agent("*"), access.agent("*"), access.agent("web-1")])
    names = [line.split()[1] for line in (tmp_path / "users.acl").read_text().splitlines()]
    assert len(names) == len(set(names))
    assert {"agent.*", "agent.web-1"} < set(names)
