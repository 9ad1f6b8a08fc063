import stat
from pathlib import Path

import pytest

from cloudassist.error_code import ErrorCode
from cloudassist_agent.scripts import script
from cloudassist_agent.scripts.script import ScriptError, interpreter_of
from cloudassist_agent.scripts.script_file import script_file


@pytest.mark.parametrize(
    ("first_line", "interpreter"),
    [
        ("echo hello", ("/bin/sh",)),
        ("", ("/bin/sh",)),
        ("# a comment", ("/bin/sh",)),
        (" #!/bin/bash", ("/bin/sh",)),
        ("#!/bin/bash", ("/bin/bash",)),
        ("#! /bin/bash", ("/bin/bash",)),
        ("#!/bin/bash -eu -o pipefail", ("/bin/bash", "-eu -o pipefail")),
        ("#!/usr/bin/env python3", ("/usr/bin/env", "python3")),
    ],
)
def test_the_first_line_chooses_the_interpreter_as_the_kernel_reads_it(first_line, interpreter):
    assert interpreter_of(first_line + "\nexit 0\n") == interpreter


@pytest.mark.matrix("F65")
@pytest.mark.parametrize("first_line", ["#!/no/such/thing", "#!", "#!   ", "#!/etc/passwd"])
def test_a_missing_interpreter_is_named(first_line):
    with pytest.raises(ScriptError) as caught:
        interpreter_of(first_line)
    assert caught.value.code == ErrorCode.EXECUTION_EXCEPTION
    assert (first_line.removeprefix("#!").strip() or "none") in caught.value.info


@pytest.mark.matrix("F62", "F63")
def test_line_ends_and_byte_order_marks_are_made_a_shells():
    assert script.shell("\ufeff#!/bin/sh\r\necho a\r\n").data == b"#!/bin/sh\necho a\n"
    assert script.shell("printf 'a\\r'\n").data == b"printf 'a\\r'\n"
    assert script.shell("#!/bin/bash\r\necho\r\n").interpreter == ("/bin/bash",)


def test_a_powershell_script_is_read_as_utf8_and_with_nothing_of_the_users(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: f"/opt/{name}" if name == "pwsh" else None)
    made = script.powershell("Write-Output 'ü'\n")
    assert made.data == b"\xef\xbb\xbfWrite-Output '\xc3\xbc'\n"
    assert script.powershell("\ufeffx").data == b"\xef\xbb\xbfx"
    options = ("-NoLogo", "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-File")
    assert (made.ending, made.interpreter) == (".ps1", ("/opt/pwsh", *options))
    monkeypatch.setattr("shutil.which", lambda name: f"C:\\{name}" if name == "powershell.exe" else None)
    assert script.powershell("x").interpreter[0] == "C:\\powershell.exe"


def test_powershell_that_is_not_installed_is_not_applicable(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(ScriptError) as caught:
        script.powershell("x")
    assert caught.value.code == ErrorCode.COMMAND_NOT_APPLICABLE


def test_a_batch_script_echoes_nothing_and_speaks_utf8():
    made = script.batch("\ufeffecho ü\r\nexit /b 3\r\n")
    assert made.data == "@echo off\r\nchcp 65001 >nul\r\necho ü\r\nexit /b 3\r\n".encode()
    assert (made.ending, made.interpreter) == (".bat", ("cmd.exe", "/d", "/c"))


def test_the_file_is_private_and_gone_afterwards(tmp_path):
    with script_file(script.shell("echo ü\n"), tmp_path / "run", keep=False) as command:
        path = Path(command[-1])
        assert path.read_bytes() == "echo ü\n".encode()
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        (path.parent / "left behind").touch()
    assert list(tmp_path.iterdir()) == []


def test_the_file_can_be_kept(tmp_path):
    with script_file(script.shell("echo"), tmp_path / "run", keep=True) as command:
        pass
    assert Path(command[-1]).read_text() == "echo"


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(ScriptError) as caught, script_file(script.shell("echo"), tmp_path / "no" / "run", keep=False):
        pass
    assert caught.value.code == ErrorCode.EXECUTION_EXCEPTION
    assert str(tmp_path / "no") in caught.value.info
