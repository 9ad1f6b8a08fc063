import re
import stat

import pytest

from cloudassist import keyring
from cloudassist.errors import ConfigurationError, MessageError
from cloudassist.keyring import AgreementKey, SigningKey, create_key


def test_a_key_file_is_made_once_and_is_private(tmp_path):
    path = tmp_path / "new" / "signing.key"
    assert create_key(path, "signing")
    before = path.read_text()
    assert not create_key(path, "signing")
    assert path.read_text() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_only_the_signer_can_sign(tmp_path):
    for name in ("one", "two"):
        create_key(tmp_path / name, "signing")
    one, two = (SigningKey.load(tmp_path / name) for name in ("one", "two"))
    keyring.verify(one.public, one.sign(b"data"), b"data")
    for signature, data in ((one.sign(b"data"), b"dat"), (two.sign(b"data"), b"data"), (b"", b"data")):
        with pytest.raises(MessageError) as caught:
            keyring.verify(one.public, signature, data)
        assert caught.value.reason == "bad-signature"


def test_both_sides_agree_on_the_key_of_a_report_and_nobody_else_does(tmp_path):
    for name, kind in (("region", "report"), ("web-1", "instance"), ("web-2", "instance")):
        create_key(tmp_path / name, kind)
    region = AgreementKey.load(tmp_path / "region", "report")
    one, two = (AgreementKey.load(tmp_path / name, "instance") for name in ("web-1", "web-2"))
    key = region.mac_key("web-1", one.public)
    assert key == one.mac_key("web-1", region.public)
    assert key != region.mac_key("web-2", one.public)
    assert key != two.mac_key("web-1", region.public)
    assert keyring.same_mac(keyring.mac(key, b"x"), keyring.mac(key, b"x"))
    assert not keyring.same_mac(keyring.mac(key, b"x"), keyring.mac(key, b"y"))
    assert not keyring.same_mac(keyring.mac(key, b"x"), "ü")


def test_a_name_is_the_same_after_a_restart_and_another_with_another_key(tmp_path):
    for name in ("web-1", "web-2"):
        create_key(tmp_path / name, "instance")
    one, again, two = (AgreementKey.load(tmp_path / name, "instance") for name in ("web-1", "web-1", "web-2"))
    name = one.name_of("t-1.web-1")
    assert re.fullmatch("[0-9a-f]{32}", name)
    assert name == again.name_of("t-1.web-1")
    assert name not in {one.name_of("t-2.web-1"), two.name_of("t-1.web-1")}


def test_a_key_that_cannot_be_agreed_with_is_refused(tmp_path):
    create_key(tmp_path / "key", "report")
    region = AgreementKey.load(tmp_path / "key", "report")
    for public in (b"\0" * 32, b"short"):
        with pytest.raises(MessageError) as caught:
            region.mac_key("web-1", public)
        assert caught.value.reason == "bad-key"


@pytest.mark.parametrize("content", [None, b"", b"\xff", b"cloudassist-report-v1 AAAA", b"cloudassist-signing-v1 AAAA"])
def test_a_key_file_that_is_none_is_a_clear_error(tmp_path, content):
    path = tmp_path / "signing.key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        SigningKey.load(path)
    assert str(path) in caught.value.message


def test_keys_do_not_show_their_secret(tmp_path):
    create_key(tmp_path / "key", "signing")
    secret = (tmp_path / "key").read_text().split()[1]
    assert secret not in repr(SigningKey.load(tmp_path / "key"))
    assert "secret" not in repr(SigningKey.load(tmp_path / "key"))


def test_a_key_file_may_have_the_keys_before_it(tmp_path):
    for name in ("new", "old"):
        create_key(tmp_path / name, "report")
    new, old = (AgreementKey.load(tmp_path / name, "report") for name in ("new", "old"))
    both = tmp_path / "both"
    both.write_text((tmp_path / "new").read_text() + (tmp_path / "old").read_text())
    assert AgreementKey.load_all(both, "report") == (new, old)
    assert AgreementKey.load(both, "report") == new
