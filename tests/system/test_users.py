"""``assist acl`` and ``assist quarantine`` on a real server, and passwords from files."""

import stat
from pathlib import Path

import pytest
import redis

from cloudassist import InvokeStatus, access
from cloudassist.embedded import free_port
from cloudassist.errors import ConfigurationError
from cloudassist.settings import Settings, read
from support import verbs
from support.agents import agent, run_soon
from support.servers import answers, private_server, start_server
from support.stacks import by_instance
from support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


def words(url):
    return {"CLOUDASSIST_URL": url}


def test_what_is_printed_is_the_acl_file_of_a_server(tmp_path):
    passwords = tmp_path / "passwords"
    arguments = ["acl", "--passwords", str(passwords), "--roles", "-i", "web-1", "-i", "web-2"]
    printed = verbs.run(words("redis://127.0.0.1:1/0"), *arguments)
    assert printed.returncode == 0, printed.stderr
    assert verbs.run(words("redis://127.0.0.1:1/0"), *arguments).stdout == printed.stdout
    names = {line.split()[1] for line in printed.stdout.splitlines()}
    assert names == {"default", "admin", "agent.web-1", "agent.web-2"} | {role.value for role in access.ROLES}
    for name in names - {"default"}:
        file = passwords / name / "password"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        assert file.read_text().strip() not in printed.stdout
    (tmp_path / "users.acl").write_text(printed.stdout + "user agent.enrolled on #00 +ping\n")
    kept = verbs.run(words("redis://127.0.0.1:1/0"), *arguments, "--keep", str(tmp_path / "users.acl"))
    assert kept.stdout == (tmp_path / "users.acl").read_text()
    (tmp_path / "users.acl").write_text(printed.stdout)
    port = free_port()
    process = start_server(tmp_path / "server", port, ["--aclfile", str(tmp_path / "users.acl")])
    try:
        for name in names - {"default"}:
            login = {"username": name, "password": (passwords / name / "password").read_text().strip()}
            with redis.Redis(port=port, **login) as client:
                wait_until(lambda client=client: answers(client), f"{name} to be let in")
        with redis.Redis(port=port) as nobody, pytest.raises(redis.AuthenticationError):
            nobody.ping()
    finally:
        process.kill()
        process.wait(10)


def test_users_are_made_and_renewed_on_a_server_that_runs(tmp_path, monkeypatch):
    with private_server(tmp_path / "server") as url, redis.Redis.from_url(url, decode_responses=True) as server:
        without = verbs.run(words(url), "acl", "--apply", "-i", "web-1")
        assert without.returncode == 1
        assert "agent.web-1 cannot be made without a password; see --passwords" in without.stderr
        made = verbs.run(words(url), "acl", "--apply", "-i", "web-1", "--passwords", str(tmp_path / "passwords"))
        assert made.stdout == "agent.web-1 made\n"
        assert "does not keep its users over a restart" in made.stderr
        before = server.acl_getuser("agent.web-1")
        server.execute_command("ACL", "SETUSER", "agent.web-1", "allkeys", "+flushall")
        renewed = verbs.run(words(url), "acl", "--apply", "-i", "web-1")
        assert renewed.stdout == "agent.web-1 renewed\n"
        assert server.acl_getuser("agent.web-1") == before
        assert server.acl_dryrun("agent.web-1", "psubscribe", "/0.celery.pidbox") != "OK"
        verbs.run(words(url), "acl", "--apply", "-i", "web-1", "--remote-control")
        assert server.acl_dryrun("agent.web-1", "psubscribe", "/0.celery.pidbox") == "OK"
        monkeypatch.setattr(access, "_connected", lambda _: "+unheard-of")
        refused = verbs.run(words(url), "acl", "--apply", "-i", "web-1")
        assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
        assert "is it too old? Error in ACL SETUSER modifier '+unheard-of'" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["acl"], "name their folder with --passwords"),
        (["acl", "--passwords", "x", "-i", "web*"], "'web*' cannot name an instance"),
        (["quarantine", "web*"], "'web*' cannot name an instance"),
    ],
)
def test_mistakes_are_told(arguments, said):
    done = verbs.run(words("redis://127.0.0.1:1/0"), *arguments)
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.matrix("F42")
def test_an_instance_in_quarantine_is_cut_off_at_once_and_let_back_in(near, tmp_path):
    """What runs goes on, and its result is kept."""
    admin = near.environment("admin")
    with agent(near, "suspect", tmp_path) as suspect, near.assistant() as assistant:
        script = f"until [ -e {tmp_path}/go ]; do sleep 0.1; done; echo x"
        invocation = assistant.run_command(script, instance_ids=["suspect"])
        wait_until(lambda: by_instance(invocation)["suspect"].start_time, "the script to start")
        done = verbs.run(admin, "quarantine", "suspect")
        assert done.returncode == 0, done.stderr
        assert int(done.stdout.split(";")[1].split()[0]) > 0
        suspect.wait_for("refuses this user")
        (tmp_path / "go").touch()
        assert "may connect again" in verbs.run(admin, "quarantine", "suspect", "--end").stdout
        run_soon(assistant, "suspect", 15)
        assert invocation.wait(15).status is InvokeStatus.FINISHED
        assert by_instance(invocation)["suspect"].output == "x\n"
    gone = verbs.run(admin, "quarantine", "nobody")
    assert gone.returncode == 2
    assert "the server has no user agent.nobody" in gone.stderr


def test_a_password_comes_from_a_file(tmp_path):
    (tmp_path / "password").write_text("p@ss/w:rd\n")
    environment = {"CLOUDASSIST_URL": "redis://web@host:1/0", "CLOUDASSIST_PASSWORD_FILE": str(tmp_path / "password")}
    settings = read(Settings, environment)
    assert settings.url == "redis://web:p%40ss%2Fw%3Ard@host:1/0"
    for url in ("redis://host:1/0", "redis://web:pw@host:1/0"):
        with pytest.raises(ConfigurationError) as caught:
            read(Settings, environment | {"CLOUDASSIST_URL": url})
        assert "CLOUDASSIST_PASSWORD_FILE needs a user" in caught.value.message
        assert "p@ss" not in caught.value.message
    with pytest.raises(ConfigurationError) as caught:
        read(Settings, environment | {"CLOUDASSIST_PASSWORD_FILE": str(tmp_path / "none")})
    assert "CLOUDASSIST_PASSWORD_FILE cannot be read" in caught.value.message


def test_an_agent_whose_password_is_in_a_file_has_it_in_no_environment(near, tmp_path):
    url = near.admit("filed")["CLOUDASSIST_URL"]
    password = url.split(":")[2].split("@")[0]
    (tmp_path / "password").write_text(password)
    settings = {"URL": url.replace(f":{password}", ""), "PASSWORD_FILE": str(tmp_path / "password")}
    with agent(near, "filed", tmp_path, **settings) as filed, near.assistant() as assistant:
        run_soon(assistant, "filed", 15)
        assert password.encode() not in Path(f"/proc/{filed.process.pid}/environ").read_bytes()
