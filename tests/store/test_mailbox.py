import pytest
from kombu.exceptions import OperationalError

from cloudassist.app import Application
from cloudassist.settings import Settings
from support.servers import private_server


@pytest.mark.timeout(20)
def test_what_cannot_be_said_fails_at_once(tmp_path):
    """kombu alone goes on trying for as long as the server is away: the test's time limit tells."""
    with private_server(tmp_path) as url:
        app = Application("test", Settings(url=url))
        app.control.broadcast("heartbeat")
    with app.connection_for_write() as connection, pytest.raises((OperationalError, *connection.connection_errors)):
        app.control.broadcast("heartbeat")
