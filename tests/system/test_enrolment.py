"""Machines become instances by an activation's code, on a real server where nobody has a right too many."""

import contextlib
import io
import json
import re
import shutil
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from cloudassist import Assistant, InvokeStatus, LocalStack, topology
from cloudassist.activation import ActivationCode, new_activation_id
from cloudassist.embedded import free_port
from cloudassist.enrolment import Cause
from cloudassist.errors import ConfigurationError, NotFoundError, ServiceUnavailableError
from cloudassist.keyset import Root
from cloudassist.settings import Settings, read
from cloudassist.store import keys
from cloudassist_agent import enrolling
from cloudassist_agent.enrolling import EnrolmentRefusedError
from support import verbs
from support.machines import command_line, register, running
from support.stacks import by_instance
from support.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def region():
    """A stack into which nobody has come yet."""
    with LocalStack(instances=[], beats=0, enrol=True) as stack:
        yield stack


@pytest.fixture(scope="module")
def producer(region):
    with region.assistant() as assistant:
        yield assistant


@pytest.fixture
def server(region):
    with redis.Redis.from_url(region.url, decode_responses=True) as client:
        yield client


def refused(region, folder, made, name="", **changes):
    """Try to enrol a machine; return the code and the words with which it was refused."""
    with pytest.raises(EnrolmentRefusedError) as caught:
        register(region, folder, made.model_copy(update=changes), name)
    assert not (folder / "enrolment.json").exists()
    return caught.value.code, caught.value.message


def test_a_machine_is_enrolled_by_its_command_line_and_runs_scripts(region, producer, tmp_path):
    """Its agent is told nothing but its state folder; it has the tags of the activation, and answers `inspect`."""
    shown = verbs.run(
        region.environment("producer"), "activation", "create", "--prefix", "web", "--tag", "role=web", "--json"
    )
    made = json.loads(shown.stdout)
    arguments = ["--activation-id", made["ActivationId"], "--activation-code", "-", "--json"]
    done = command_line(region, tmp_path / "one", *arguments, text=made["ActivationCode"] + "\n")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"InstanceId": "web-01", "Epoch": 0, "New": True}
    again = command_line(
        region, tmp_path / "one", "--activation-id", made["ActivationId"], ACTIVATION_CODE=made["ActivationCode"]
    )
    assert (again.returncode, again.stdout) == (0, f"web-01 was already enrolled at {region.address}\n")
    with running(tmp_path / "one"):
        wait_until(lambda: producer.describe_managed_instances(tags={"role": "web"}, connected=True), "it to be online")
        invocation = producer.run_command(
            "echo {{secret_word}}", instance_ids=["web-01"], parameters={"secret_word": "swordfish"},
            secret_parameters=["secret_word"],
        )  # fmt: skip
        assert invocation.wait(20).status is InvokeStatus.FINISHED
        assert by_instance(invocation)["web-01"].output == "****\n"


def test_what_was_made_on_the_machine_is_private_and_nothing_of_it_is_on_the_server(region, producer, tmp_path):
    made = producer.create_activation()
    outcome = register(region, tmp_path / "two", made, "private")
    assert outcome.new
    files = {path.name: path for path in (tmp_path / "two").rglob("*") if path.is_file()}
    assert set(files) == {"enrolment.json", "instance.key", "key-set", "password"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
    assert stat.S_IMODE(files["instance.key"].parent.stat().st_mode) == 0o700
    code = ActivationCode.parse(made.activation_code)
    secret = files["instance.key"].read_text().split()[1]
    with redis.Redis.from_url(region.url, decode_responses=True, encoding="latin-1") as client:
        everything = _everything(client)
    for what in (made.activation_code[2:45], code.password, secret, files["password"].read_text().strip()):
        assert what not in everything
    assert made.activation_id in everything


def _everything(server):
    """Return all that the server has, as text: keys, values, users."""
    reads = {
        "string": server.get,
        "hash": server.hgetall,
        "list": lambda key: server.lrange(key, 0, -1),
        "zset": lambda key: server.zrange(key, 0, -1),
        "stream": server.xrange,
        "set": server.smembers,
    }
    found = [(key, reads[server.type(key)](key)) for key in server.scan_iter() if server.exists(key)]
    return str(found) + str(server.acl_list())


def test_each_refusal_says_what_is_wrong(region, producer, server, tmp_path):
    folder = tmp_path / "refused"
    used_up = producer.create_activation(instance_count=1, instance_name="only")
    assert register(region, tmp_path / "first", used_up).enrolment.instance_id == "only-1"
    disabled, expired = producer.create_activation(), producer.create_activation()
    producer.disable_activation(disabled.activation_id)
    server.hset(keys.activation(expired.activation_id), "expires", 1)
    open_, deleted = producer.create_activation(instance_name="web"), producer.create_activation()
    producer.delete_activation(deleted.activation_id)
    other = producer.create_activation()
    assert refused(region, folder, used_up) == (Cause.USED_UP, enrolling.MEANINGS[Cause.USED_UP])
    assert refused(region, folder, disabled)[0] == Cause.DISABLED
    assert refused(region, folder, expired)[0] == Cause.EXPIRED
    assert refused(region, folder, open_, "db-1")[0] == Cause.NAME_REFUSED
    assert refused(region, folder, other, "only-1")[0] == Cause.NAME_TAKEN
    assert refused(region, folder, other, "web*")[0] == Cause.NAME_REFUSED
    assert refused(region, folder, deleted)[0] == "InvalidActivation.NotLetIn"
    assert refused(region, folder, open_, activation_id=new_activation_id())[0] == "InvalidActivation.NotLetIn"
    assert refused(region, folder, open_, activation_code=other.activation_code)[0] == "InvalidActivation.NotLetIn"
    done = command_line(
        region, folder, "--activation-id", used_up.activation_id, "--activation-code", used_up.activation_code
    )
    assert done.returncode == 3
    assert done.stderr.startswith("cloudassist-agent: InvalidActivation.UsedUp: the activation is used up")


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"activation_code": "a-x"}, "not a whole one"), ({"activation_id": "*"}, "id is not a whole")],
)
def test_what_cannot_be_an_activation_is_a_mistake(region, tmp_path, changes, said):
    code = ActivationCode.new(Root(b"r" * 32)).format()
    given = {"activation_code": code, "activation_id": new_activation_id()} | changes
    arguments = ["--activation-id", given["activation_id"], "--activation-code", given["activation_code"]]
    done = command_line(region, tmp_path / "m", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert given["activation_code"] not in done.stderr


def test_a_server_that_is_not_there_or_has_nobody_who_enrols_can_be_tried_later(
    region, producer, tmp_path, monkeypatch
):
    made = producer.create_activation()
    away = f"redis://127.0.0.1:{free_port()}/0"
    arguments = ["--activation-id", made.activation_id, "--activation-code", made.activation_code]
    done = command_line(region, tmp_path / "m", "--url", away, *arguments)
    assert done.returncode == 75
    assert "does not serve" in done.stderr
    monkeypatch.setattr(enrolling, "ANSWER_SECONDS", 0.3)
    region.kill("enrol-1")
    try:
        with pytest.raises(ServiceUnavailableError, match="is a worker of the role enrol"):
            register(region, tmp_path / "m", made)
    finally:
        region.start("enrol-1")
        region.wait_ready()
    # What waited was done meanwhile: asking again with the same key gives that answer.
    monkeypatch.setattr(enrolling, "ANSWER_SECONDS", 20)
    assert register(region, tmp_path / "m", made).new
    assert next(iter(producer.describe_activations(activation_id=made.activation_id))).registered_count == 1


def test_ten_machines_cannot_share_a_code_for_three(region, producer, tmp_path):
    made = producer.create_activation(instance_count=3, instance_name="race")

    def attempt(number):
        try:
            return register(region, tmp_path / str(number), made).enrolment.instance_id
        except EnrolmentRefusedError as error:
            return error.code

    with ThreadPoolExecutor(10) as pool:
        answers = sorted(pool.map(attempt, range(10)))
    assert answers == [Cause.USED_UP] * 7 + ["race-1", "race-2", "race-3"]
    assert len(producer.describe_managed_instances(activation_id=made.activation_id)) == 3


def test_a_request_that_was_overheard_is_good_for_nothing(region, producer, server, tmp_path, monkeypatch):
    made = producer.create_activation()
    said = []
    seal = enrolling.EnrolmentRequest.seal

    def overheard(request, *arguments):
        said.append((request, seal(request, *arguments)))
        return said[-1][1]

    monkeypatch.setattr(enrolling.EnrolmentRequest, "seal", overheard)
    register(region, tmp_path / "m", made, "overheard")
    ((request, document),) = said
    before = server.acl_getuser(topology.agent_user("overheard"))
    answer = server.get(topology.enrolled_key(made.activation_id, request.token))
    server.lpush(topology.ENROLMENTS_QUEUE, document)
    wait_until(lambda: server.hget(keys.REJECTED_COUNTS, "enrol-replayed") == "1", "the replay to be put aside")
    changed = document.replace("overheard", "another")
    server.lpush(topology.ENROLMENTS_QUEUE, changed)
    wait_until(lambda: server.hget(keys.REJECTED_COUNTS, "enrol-bad-signature") == "1", "the change to be put aside")
    assert server.acl_getuser(topology.agent_user("overheard")) == before
    assert server.get(topology.enrolled_key(made.activation_id, request.token)) == answer
    (row,) = producer.describe_activations(activation_id=made.activation_id)
    assert row.registered_count == 1


def test_a_copy_of_an_enrolled_machine_is_refused(region, producer, tmp_path, monkeypatch):
    made = producer.create_activation()
    register(region, tmp_path / "real", made, "copied")
    shutil.copytree(tmp_path / "real", tmp_path / "copy")
    monkeypatch.setattr(enrolling.host, "machine_id", lambda: "another machine")
    with pytest.raises(EnrolmentRefusedError) as caught:
        register(region, tmp_path / "copy", made)
    assert caught.value.code == Cause.OTHER_MACHINE


def test_asking_again_ends_no_quarantine(region, producer, server, tmp_path):
    made = producer.create_activation()
    register(region, tmp_path / "m", made, "suspect")
    key = tmp_path / "m" / "agents" / "suspect" / "instance.key"
    assert verbs.run(region.environment("admin"), "quarantine", "suspect").returncode == 0
    (tmp_path / "again" / "enrolling").mkdir(parents=True)
    shutil.copy(key, tmp_path / "again" / "enrolling" / "instance.key")
    with pytest.raises(ServiceUnavailableError, match="the server does not let it in"):
        register(region, tmp_path / "again", made)
    assert "off" in server.acl_getuser("agent.suspect")["flags"]


def test_a_control_plane_that_the_code_does_not_name_is_not_trusted(region, producer, tmp_path):
    """The secret is right, and so is the server; but the key set is not signed by the root that the operator has."""
    made = producer.create_activation()
    code = ActivationCode.parse(made.activation_code)
    other = ActivationCode(Root(b"o" * 32), code._secret).format()
    code, said = refused(region, tmp_path / "m", made, "doubting", activation_code=other)
    assert code == "InvalidKeySet.NotTrusted"
    assert "not signed by the root key of the code" in said


@pytest.mark.matrix("F40")
def test_a_deregistered_instance_is_cut_off_at_once_and_comes_back_as_another(region, producer, server, tmp_path):
    made = producer.create_activation(instance_count=2)
    register(region, tmp_path / "m", made, "leaver")
    with running(tmp_path / "m", DRAIN_SECONDS="0", KILL_GRACE_SECONDS="0.2") as machine:
        wait_until(lambda: producer.describe_managed_instances(["leaver"], connected=True), "it to be online")
        invocation = producer.run_command(f"echo $$ > {tmp_path}/pid; sleep 60", instance_ids=["leaver"])
        wait_until(lambda: by_instance(invocation)["leaver"].start_time, "the script to start")
        done = verbs.run(region.environment("producer"), "instances", "deregister", "leaver")
        assert (done.returncode, done.stdout) == (0, "leaver is deregistered\n")
        assert [each["user"] for each in server.client_list() if each["user"] == "agent.leaver"] == []
        assert "agent.leaver" not in server.acl_users()
        assert [
            key for key in server.scan_iter() if key.endswith(".leaver") and not key.startswith(("record", "claim"))
        ] == []
        result = by_instance(invocation)["leaver"]
        assert (result.status, result.error_code, result.detail_status) == ("Failed", "InstanceDeregistered", "Error")
        machine.wait_for("refuses this user")
        with pytest.raises(NotFoundError):
            producer.run_command("true", instance_ids=["leaver"])
    again = register(region, tmp_path / "m", made, "leaver")
    assert (again.new, again.enrolment.instance_id, again.enrolment.epoch) == (True, "leaver", 1)
    with running(tmp_path / "m"):
        wait_until(lambda: producer.describe_managed_instances(["leaver"], connected=True), "it to be back")
        invocation = producer.run_command("echo back", instance_ids=["leaver"]).wait(20)
        assert by_instance(invocation)["leaver"].output == "back\n"


def test_an_activation_can_be_listed_disabled_and_deleted_on_the_command_line(region, producer):
    environment = region.environment("producer")
    shown = verbs.run(environment, "activation", "create", "--count", "2", "--ttl", "1d", "--prefix", "cli")
    assert shown.returncode == 0, shown.stderr
    activation_id = shown.stdout.split()[2]
    assert f"--url {region.address} --activation-id {activation_id}" in shown.stdout
    listed = verbs.run(environment, "activation", "list", "--prefix", "cli")
    assert listed.stdout.splitlines()[1].split()[:4] == [activation_id, "cli-*", "2", "0"]
    found = json.loads(verbs.run(environment, "activation", "list", "--id", activation_id, "--json").stdout)
    assert found["ActivationList"][0]["ActivationCode"] == ""
    assert verbs.run(environment, "activation", "disable", activation_id).stdout == f"{activation_id} disabled\n"
    assert verbs.run(environment, "activation", "delete", activation_id).stdout == f"{activation_id} deleted\n"
    gone = verbs.run(environment, "activation", "disable", activation_id)
    assert (gone.returncode, "there is no such activation" in gone.stderr) == (2, True)
    assert verbs.run(environment, "activation", "create", "--ttl", "soon").returncode == 2


def test_a_producer_without_a_root_to_trust_makes_no_code(region):
    settings = read(Settings, region.environment("producer") | {"CLOUDASSIST_TRUST_FILE": "nowhere"})
    with Assistant(settings=settings) as assistant, pytest.raises(ConfigurationError, match="no key to trust"):
        assistant.create_activation()


def test_the_page_shows_what_happens(region, tmp_path, monkeypatch):
    """The session of docs/enrolment.md, with a machine that comes in where it says so."""
    page = (Path(__file__).parents[2] / "docs" / "enrolment.md").read_text(encoding="utf-8")
    first, second = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", page, re.DOTALL)
    for name, value in region.environment("producer").items():
        monkeypatch.setenv(name, value)
    session = {}
    assert said(first[0], session) == first[1]
    register(region, tmp_path / "m", session["activation"])
    assert said(second[0], session) == second[1]


def said(code, session):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "docs/enrolment.md", "exec"), session)
    return printed.getvalue()
