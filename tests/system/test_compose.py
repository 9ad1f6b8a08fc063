"""The compose files: every service's very command, run natively with the environment that compose gives it."""

import base64
import contextlib
import fcntl
import json
import shutil
import signal
import subprocess
import urllib.error
import urllib.request

import jsonschema
import pytest
import redis
import yaml

from cloudassist import Assistant, InvokeStatus
from cloudassist.embedded import server_binary
from cloudassist.settings import Settings, read
from support.closing import denials
from support.composing import FOLDER, Native, composed, variables_of
from support.data import FOLDER as DATA
from support.servers import answers
from support.waiting import wait_until

pytestmark = pytest.mark.system

BASE, TLS, METRICS = "compose.yaml", "compose.tls.yaml", "compose.metrics.yaml"
FILES = [BASE, TLS, METRICS]
VARIABLES = {"AGENTS": "11", "GRAFANA_PASSWORD": "secret"}
SERVICES = composed([BASE], VARIABLES)
OURS = ("control", "dispatch", "beat", "enrol", "flower", "agent")
AGENTS = ["agent-1", "agent-2", "agent-3"]


@pytest.fixture
def region(tmp_path):
    """Start a region from some files, on a server of one's choice."""
    started = []

    def start(*files, server):
        native = Native(tmp_path, composed(files, VARIABLES), server)
        started.append(native)
        for name in ("certificates", "keys"):
            if name in native.services:
                native.run(name)
        if server != server_binary():
            # Debian's Redis 7.0, which speaks TLS, does not know this command; clients try it, and can do without.
            users = tmp_path / "volumes" / "users" / "users.acl"
            users.write_text(users.read_text().replace(" +client|setinfo", ""))
        native.start_server()
        return native

    yield start
    for native in started:
        native.kill()


def run_on(native, names):
    """Run a script on instances, by way of the service for the command line's user."""
    settings = read(Settings, native.environment("cli"))
    with Assistant(settings=settings) as assistant:
        wait_until(lambda: [found.online for found in assistant.describe_instances()] == [True] * len(names), "agents")
        invocation = assistant.run_command("echo composed", instance_ids=names)
        assert invocation.wait(timeout=20).status is InvokeStatus.FINISHED
        assert {result.output for result in invocation.results()} == {"composed\n"}


def test_the_services_work_together(region):
    native = region(BASE, server=server_binary())
    with redis.Redis(port=native.port, username="admin", password=native.password("admin")) as server:
        wait_until(lambda: answers(server), "the server to answer")
        wanted = {"appendfsync": "always", "maxmemory-policy": "noeviction", "maxclients": "10000"}
        wanted |= {"auto-aof-rewrite-min-size": str(256 * 2**20)}
        assert server.config_get(*wanted) == wanted
    with redis.Redis(port=native.port) as nobody, pytest.raises(redis.AuthenticationError):
        nobody.ping()
    for name in OURS:
        native.start(name, 3 if name == "agent" else 1)
    run_on(native, AGENTS)
    assert "agent-1" in native.call("cli", "instances")
    assert "activation code  a-" in native.call("cli", "activation", "create")
    nobody_looks_at_flower_without_the_login(native)
    for name in OURS:
        wait_until(lambda name=name: native.is_healthy(name), f"{name} to be healthy")
    assert all(process.poll() is None for process in native.processes.values())
    one_more_agent_takes_none_from_the_others(native)
    with redis.Redis(port=native.port, username="admin", password=native.password("admin")) as server:
        assert denials(server) == []
    assert set(native.stop().values()) <= {0, -signal.SIGTERM}


@pytest.mark.skipif(
    shutil.which("redis-server") is None, reason="Debian's redis-server, which speaks TLS, is not there"
)
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_with_tls_and_metrics_over_it(region):
    native = region(BASE, TLS, METRICS, server=shutil.which("redis-server"))
    for name in ("control", "dispatch", "beat", "agent"):
        native.start(name)
    run_on(native, ["agent-1"])
    native.run("certificates")
    with urllib.request.urlopen(f"http://127.0.0.1:{native.ports['9464']}/metrics", timeout=5) as answer:
        assert "cloudassist_up 1.0" in answer.read().decode()
    urls = [service.get("environment", {}).get("CLOUDASSIST_URL", "rediss:") for service in native.services.values()]
    assert all(url.startswith("rediss:") for url in urls)


def one_more_agent_takes_none_from_the_others(native):
    """Where every instance has one; those that none of ours is are held by this test."""
    with contextlib.ExitStack() as held:
        for place in (native.root("agent") / "instances").glob("agent.*"):
            if place.name.removeprefix("agent.") not in AGENTS:
                fcntl.flock(held.enter_context((place / "lock").open("w")), fcntl.LOCK_EX | fcntl.LOCK_NB)
        command, environment = native.command("agent"), native.environment("agent")
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "every instance has its agent" in done.stderr) == (1, True)


def nobody_looks_at_flower_without_the_login(native):
    url = f"http://127.0.0.1:{native.ports['5555']}"
    for page in ("/workers", "/tasks", "/broker", "/api/workers", "/api/tasks", "/metrics"):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(url + page, timeout=10)
    login = native.folder / "volumes" / "login" / "login"
    assert login.stat().st_mode & 0o077 == 0
    basic = base64.b64encode(login.read_bytes().strip()).decode()
    request = urllib.request.Request(f"{url}/workers?json=1", headers={"Authorization": f"Basic {basic}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        shown = {row["hostname"] for row in json.load(answer)["data"] if row["status"]}
    assert {f"agent@{name}" for name in AGENTS} <= shown


def test_each_role_has_only_what_it_needs():
    """Keys and passwords: each on a volume of its own, mounted by those who use it."""
    holders = {"root": {"keys"}, "report": {"keys", "control"}, "signing": {"keys", "dispatch", "cli"}}
    holders |= {
        "trust": {"keys", "control", "dispatch", "cli", "agent"},
        "users": {"keys", "server"},
        "data": {"server"},
    }
    holders |= {name: {"keys", name} for name in ("control", "dispatch", "beat", "enrol", "flower")}
    holders |= {"producer": {"keys", "cli"}, "admin": {"keys"}, "login": {"keys", "flower"}}
    holders |= {"agents": {"keys", "agent"}}
    mounted = {}
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            mounted.setdefault(volume.split(":")[0], set()).add(name)
    del mounted["./valkey.conf"]
    assert mounted == holders
    assert all(volume.endswith(":ro") for name in SERVICES for volume in SERVICES[name].get("volumes", [])
               if name not in {"keys", "server"} and not volume.startswith("agents:"))  # fmt: skip


def test_nothing_but_what_is_for_people_is_published_and_only_to_this_machine():
    services = composed([BASE, TLS, METRICS], VARIABLES)
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert ports.pop("flower") == ["127.0.0.1:5555:5555"]
    assert SERVICES.keys().isdisjoint(ports)
    assert ports == {"prometheus": ["127.0.0.1:9090:9090"], "grafana": ["127.0.0.1:3000:3000"]}


@pytest.mark.parametrize("files", [[BASE], [BASE, TLS], [BASE, METRICS], FILES])
def test_every_service_is_bounded_looked_at_and_has_no_rights_that_it_does_not_need(files):
    services = composed(files, VARIABLES)
    assert all(service.keys() >= {"cpus", "mem_limit", "pids_limit"} for service in services.values())
    for name in [*OURS, *({"prometheus", "grafana"} & services.keys())]:
        service = services[name]
        assert service["restart"] == "unless-stopped"
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "user" not in service or service["user"] != "root"
    assert {name: services[name].get("deploy", {}).get("replicas", 1) for name in OURS} == {
        "control": 2, "dispatch": 2, "beat": 2, "enrol": 1, "flower": 1, "agent": 3,
    }  # fmt: skip
    lasting = [service for service in services.values() if service["restart"] == "unless-stopped"]
    assert all("test" in service["healthcheck"] for service in lasting)


@pytest.mark.parametrize("name", FILES)
def test_the_files_keep_to_the_specification(name):
    """By the schema of the Compose Specification; a number or a switch is what it says it is, not a text."""
    schema = json.loads((DATA / "compose-spec" / "compose-spec.json").read_text())
    jsonschema.Draft7Validator(schema).validate(yaml.safe_load((FOLDER / name).read_text()))


def test_every_variable_is_in_the_example_with_its_default():
    example = dict(
        line.split("=", 1)
        for line in (FOLDER / ".env.example").read_text().splitlines()
        if not line.startswith("#") and line
    )
    texts = [(FOLDER / name).read_text() for name in FILES]
    assert set.union(*map(variables_of, texts)) == example.keys()
    for name, value in example.items():
        assert any(f"${{{name}:-{value}}}" in text or f"${{{name}:?" in text for text in texts), name


def test_the_image_is_built_from_files_that_exist():
    for line in (FOLDER / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (FOLDER.parent / source).exists(), source
    assert "http" not in (FOLDER / "requirements.lock").read_text()


def test_the_image_has_every_place_of_a_volume_for_its_own_user():
    """A volume takes over whose its place is: elsewhere it would be root's, and our user could not write there."""
    made = (FOLDER / "Dockerfile").read_text().replace("\\\n", "").partition("for name in")[2].partition(";")[0].split()
    services = composed(FILES, VARIABLES)
    mounted = {volume.split(":")[1] for service in services.values() if service["image"] == "cloudassist:local"
               for volume in service["volumes"] if not volume.startswith(".")}  # fmt: skip
    assert mounted <= {f"/{name}" for name in made}


@pytest.mark.parametrize("program", [["docker", "compose"], ["docker-compose"]])
def test_compose_itself_accepts_the_files_and_reads_them_as_we_do(program):
    """By the plugin of today, and by its predecessor, which Debian has."""
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent", **VARIABLES}

    def ask(*words):
        return subprocess.run([*program, *words], env=environment, capture_output=True, text=True, check=False)

    if shutil.which(program[0]) is None or ask("version").returncode:
        pytest.skip(f"{' '.join(program)} is not installed")
    words = [word for name in FILES for word in ("-f", str(FOLDER / name))]
    found = ask(*words, "config")
    assert found.returncode == 0, found.stderr
    read, ours = yaml.safe_load(found.stdout)["services"], composed(FILES, VARIABLES)
    assert read.keys() >= ours.keys() - {"cli"}
    for name, service in read.items():
        assert service.get("environment") == ours[name].get("environment"), name
        command = [word.replace("$$", "$") for word in service.get("command", [])]
        assert command == ours[name].get("command", []), name
