import stat
from pathlib import Path

import pytest

from cloudassist.command_type import CommandType
from cloudassist.error_code import ErrorCode
from cloudassist_agent.script import ScriptError, interpreter_of, normalised, script_file


@pytest.mark.parametrize(
    ("first_line", "interpreter"),
    [
        ("echo hello", ["/bin/sh"]),
        ("", ["/bin/sh"]),
        ("# a comment", ["/bin/sh"]),
        (" #!/bin/bash", ["/bin/sh"]),
        ("#!/bin/bash", ["/bin/bash"]),
        ("#! /bin/bash", ["/bin/bash"]),
        ("#!/bin/bash -eu -o pipefail", ["/bin/bash", "-eu -o pipefail"]),
        ("#!/usr/bin/env python3", ["/usr/bin/env", "python3"]),
    ],
)
def test_the_first_line_chooses_the_interpreter_as_the_kernel_reads_it(first_line, interpreter):
    assert interpreter_of(first_line + "\nexit 0\n") == interpreter


@pytest.mark.parametrize("first_line", ["#!/no/such/thing", "#!", "#!   ", "#!/etc/passwd"])
def test_a_missing_interpreter_is_named(first_line):
    with pytest.raises(ScriptError) as caught:
        interpreter_of(first_line)
    assert caught.value.code == ErrorCode.EXECUTION_EXCEPTION
    assert (first_line.removeprefix("#!").strip() or "none") in caught.value.info


def test_line_ends_and_byte_order_marks_are_made_a_shells():
    assert normalised("\ufeff#!/bin/sh\r\necho a\r\n") == "#!/bin/sh\necho a\n"
    assert normalised("printf 'a\\r'\n") == "printf 'a\\r'\n"
    assert interpreter_of(normalised("#!/bin/bash\r\necho\r\n")) == ["/bin/bash"]


def test_the_file_is_private_and_gone_afterwards(tmp_path):
    with script_file("echo ü\n", CommandType.SHELL, tmp_path, keep=False) as command:
        path = Path(command[-1])
        assert path.read_bytes() == "echo ü\n".encode()
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        (path.parent / "left behind").touch()
    assert list(tmp_path.iterdir()) == []


def test_the_file_can_be_kept(tmp_path):
    with script_file("echo", CommandType.SHELL, tmp_path, keep=True) as command:
        pass
    assert Path(command[-1]).read_text() == "echo"


@pytest.mark.parametrize("kind", [CommandType.BATCH, CommandType.POWERSHELL])
def test_a_type_of_another_system_is_not_applicable(tmp_path, kind):
    with pytest.raises(ScriptError) as caught, script_file("echo", kind, tmp_path, keep=False):
        pass
    assert caught.value.code == ErrorCode.COMMAND_NOT_APPLICABLE


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(ScriptError) as caught, script_file("echo", "RunShellScript", tmp_path / "no", keep=False):
        pass
    assert caught.value.code == ErrorCode.EXECUTION_EXCEPTION
    assert str(tmp_path / "no") in caught.value.info
