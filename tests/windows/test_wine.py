"""The command lines of the Windows side, run for real by Debian's wine (`make test-windows`).

Wine has cmd.exe, but no PowerShell and no Python for Windows: windows.py is checked by its types for that platform, and
by these command lines; what it calls of Windows for another user's scripts, and its jobs, by test_logon.py. Wine's
cmd.exe reads a batch file in its own code page whatever chcp says, so that UTF-8 cannot be seen to arrive here. Its
sc.exe does not know ``failureflag``.
"""

import pytest

from cloudassist_agent.scripts import script
from cloudassist_agent.scripts.script_file import script_file
from cloudassist_agent.service import control as service_control

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def wine(wine_command, tmp_path):
    """Run a batch script as an agent on Windows would; returns output and exit code."""

    def run(content):
        made = script.batch(content)
        with script_file(made, tmp_path / "run", keep=False) as command:
            *interpreter, path = command
            return wine_command(*interpreter, "Z:" + path.replace("/", "\\"))

    return run


def test_a_batch_script_runs_and_its_exit_code_arrives(wine):
    output, code = wine("set NAME=world\r\necho hello %NAME%\r\nexit /b 5\r\n")
    assert output.split() == [b"hello", b"world"]
    assert code == 5


def test_commands_are_not_echoed_and_nothing_is_said_of_the_code_page(wine):
    output, code = wine("echo one\r\nif exist C:\\windows echo two\r\nexit /b 0\r\n")
    assert output.split() == [b"one", b"two"]
    assert code == 0, output


def test_a_command_that_is_not_there_fails(wine):
    output, code = wine("no-such-command\r\n")
    assert code != 0
    assert b"no-such-command" in output


def test_the_service_is_made_as_it_was_meant_and_removed(wine_command):
    python = "C:\\Program Files\\Python\\python.exe"
    create, description, failure, _ = service_control.install([python, "-m", "cloudassist_agent", "service"])
    for command in (create, description, failure):
        assert wine_command(*command)[1] == 0
    key = f"HKLM\\SYSTEM\\CurrentControlSet\\Services\\{service_control.SERVICE}"
    kept = wine_command("reg", "query", key)[0].decode()
    assert f'ImagePath    REG_SZ    "{python}" -m cloudassist_agent service' in kept
    assert "Start    REG_DWORD    0x2" in kept
    assert "DisplayName    REG_SZ    Cloud Assistant" in kept
    assert wine_command(*service_control.uninstall()[-1])[1] == 0
    assert wine_command("reg", "query", key)[1] != 0
