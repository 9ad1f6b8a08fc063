"""What an agent believes: the newest key set of its root, also after a restart."""

import stat

import pytest

from cloudassist.errors import MessageError, ServiceUnavailableError
from cloudassist.keyring import AgreementKey, SigningKey, create_key
from cloudassist.keyset import KeySet, Root, TrustedKey
from cloudassist_agent.settings import AgentSettings
from cloudassist_agent.trust import Trust

ROOT = SigningKey.from_seed(b"r" * 32)
STRANGER = SigningKey.from_seed(b"s" * 32)


@pytest.fixture
def own(tmp_path):
    create_key(tmp_path / "own", "instance")
    return AgreementKey.load(tmp_path / "own", "instance")


@pytest.fixture
def trust(tmp_path, own):
    settings = AgentSettings(instance_id=("web-1",), state_dir=tmp_path, trust=Root(ROOT.public).format())
    settings.agent_dir.mkdir(parents=True)
    return lambda: Trust(settings, own)


def document(version, report=b"1" * 32, by=ROOT):
    return KeySet(version, report, (TrustedKey(STRANGER.public),)).seal(by).encode()


def test_before_a_key_set_is_known_nothing_is_believed_or_said(trust):
    fresh = trust()
    fresh.offer(None)
    assert fresh.version == 0
    with pytest.raises(MessageError) as caught:
        fresh.keys.verify("x", b"", b"", 0)
    assert caught.value.reason == "no-key-set"
    with pytest.raises(ServiceUnavailableError):
        fresh.mac_key("web-1")


def test_an_older_one_is_refused_also_after_a_restart(trust):
    first = trust()
    first.offer(document(2))
    for one in (first, trust()):
        with pytest.raises(MessageError) as caught:
            one.offer(document(1))
        assert caught.value.reason == "old-key-set"
        one.offer(document(2, report=b"2" * 32))
        assert one.keys.report == b"1" * 32
    first.offer(document(3))
    assert (first.version, trust().version) == (3, 3)


def test_that_of_a_stranger_is_refused(trust):
    one = trust()
    one.offer(document(1))
    with pytest.raises(MessageError):
        one.offer(document(9, by=STRANGER))
    assert one.version == 1


def test_what_is_kept_is_checked_as_well(trust, tmp_path):
    trust().offer(document(5))
    (kept,) = tmp_path.rglob("key-set")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    kept.write_bytes(document(9, by=STRANGER))
    assert trust().version == 0


def test_another_report_key_makes_another_mac(trust, own):
    one = trust()
    one.offer(document(1))
    before = one.mac_key("web-1")
    assert before == own.mac_key("web-1", b"1" * 32)
    one.offer(document(2, report=b"2" * 32))
    assert one.mac_key("web-1") == own.mac_key("web-1", b"2" * 32) != before


def test_one_process_takes_what_another_has_kept(trust):
    one, other = trust(), trust()
    one.offer(document(4))
    other.reload()
    assert other.version == 4
