"""TLS: what may not be said, and what an error means."""

import pytest

from cloudassist import tls
from cloudassist.errors import ConfigurationError
from cloudassist.settings import Settings, read

URL = "rediss://localhost:6379/0"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"CLOUDASSIST_URL": f"{URL}?ssl_cert_reqs=none"}, "CLOUDASSIST_URL may not have ssl_ options"),
        ({"CLOUDASSIST_URL": "redis://h/0", "CLOUDASSIST_TLS_CA": "ca"}, "CLOUDASSIST_TLS_CA needs a CLOUDASSIST_URL"),
        ({"CLOUDASSIST_URL": "sentinel://h/0", "CLOUDASSIST_TLS_CA": "ca"}, "Sentinels cannot be reached by TLS"),
        ({"CLOUDASSIST_URL": URL, "CLOUDASSIST_TLS_KEY": "key"}, "TLS_CERTIFICATE and CLOUDASSIST_TLS_KEY go together"),
        ({"CLOUDASSIST_URL": URL, "CLOUDASSIST_TLS_CERTIFICATE": "c"}, "go together"),
    ],
)
def test_nobody_is_made_to_believe_that_a_connection_is_safe(settings, said):
    with pytest.raises(ConfigurationError) as caught:
        read(Settings, settings)
    assert said in caught.value.message


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    settings = Settings(url=URL, tls_ca=tmp_path / "none")
    with pytest.raises(ConfigurationError) as caught:
        tls.options(settings)
    assert "CLOUDASSIST_TLS_CA cannot be read" in caught.value.message
    assert str(tmp_path / "none") in caught.value.message


def test_certificates_are_verified_also_where_nothing_is_said():
    options = tls.options(Settings(url=URL))
    assert options["ssl_cert_reqs"] == "required"
    assert options["ssl_check_hostname"] is True
    assert tls.options(Settings()) == {}


@pytest.mark.parametrize(
    ("url", "text", "said"),
    [
        (URL, "[SSL: CERTIFICATE_VERIFY_FAILED] unable to get local issuer certificate", "CLOUDASSIST_TLS_CA"),
        (URL, "[SSL: CERTIFICATE_VERIFY_FAILED] Hostname mismatch, not valid for 'x'", "for another host"),
        (URL, "[SSL: WRONG_VERSION_NUMBER] wrong version number", "does not speak TLS"),
        (URL, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required", "TLS_CERTIFICATE"),
        (URL, "[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca", "TLS_CERTIFICATE"),
        (URL, "Connection closed by server.", "may want a client certificate"),
        (URL, "Timeout connecting to server", "may not speak TLS"),
        (URL, "Connection refused", ""),
        ("redis://localhost/0", "Timeout connecting to server", ""),
        ("redis://localhost/0", "Connection closed by server.", "rediss://"),
        ("redis://localhost/0", "Connection refused", ""),
    ],
)
def test_what_an_error_means(url, text, said):
    assert said in tls.meaning(url, text)
    assert bool(said) == bool(tls.meaning(url, text))
