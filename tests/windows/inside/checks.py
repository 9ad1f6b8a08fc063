"""Checks that run in a Python inside wine, one a process; see test_logon.py."""

import ctypes
import os
import subprocess
import sys
import time
from pathlib import PureWindowsPath

import wine_ctypes

wine_ctypes.install()

from windows_calls import close, keep, me, nothing, own_token, pipe, read_all, resume  # noqa: E402

from cloudassist.error_code import ErrorCode  # noqa: E402
from cloudassist_agent.scripts import windows, windows_account, windows_logon  # noqa: E402
from cloudassist_agent.scripts.script import ScriptError  # noqa: E402
from cloudassist_agent.scripts.wide import text_at  # noqa: E402
from cloudassist_agent.scripts.windows_account import Account  # noqa: E402
from cloudassist_agent.scripts.windows_credential import password  # noqa: E402
from cloudassist_agent.scripts.windows_job import Job  # noqa: E402
from cloudassist_agent.scripts.windows_process import UserProcess  # noqa: E402

SECRET = "gehéim-𝄞"
BLOB = SECRET.encode("utf-16-le")


def a_user_is_the_same_under_each_of_its_names():
    machine = windows_account._machine()
    found = {Account.of(name) for name in (me(), f".\\{me()}", f"{machine}\\{me()}")}
    assert {account.sid for account in found} == {Account.of(me()).sid}
    assert {account.domain for account in found} == {machine}
    assert Account.of(me()).sid.startswith("S-1-5-21-")


def who_is_no_user_does_not_exist():
    for name in ("nobody-here", ".\\nobody-here", "Administrators", "SYSTEM"):
        error = _refused(lambda name=name: Account.of(name))
        assert error.code == ErrorCode.ACCOUNT_NOT_EXISTS
        assert repr(name) in error.info


def a_password_is_what_is_kept_under_its_name_and_wiped_afterwards():
    for owner in (me(), f".\\{me()}", ""):
        keep("deploy", owner, BLOB)
        with password("deploy", Account.of(me())) as found:
            assert found.raw == BLOB + b"\0\0"
            assert SECRET not in repr(found)
        assert found.raw == bytes(len(BLOB) + 2)


def a_password_is_refused_by_name_and_user_and_not_told():
    account = Account.of(me())
    keep("others", "nobody-here", BLOB)
    keep("machine", "SYSTEM", BLOB)
    keep("odd", me(), BLOB + b"x")
    keep("empty", me(), b"")
    for name, says in (("none", "keeps no"), ("others", "nobody-here"), ("machine", "SYSTEM"), ("odd", "UTF-16"),
                       ("empty", "UTF-16")):  # fmt: skip
        error = _refused(lambda name=name: password(name, account).__enter__())
        assert error.code == ErrorCode.USER_OR_PASSWORD_INVALID
        for expected in (repr(name), repr(me()), says):
            assert expected in error.info, error.info
        assert SECRET not in repr(error)


def a_logon_lasts_as_long_as_it_is_needed():
    keep("deploy", me(), BLOB)
    with _logons(0) as asked, windows_logon.logged_on(me(), "deploy") as logon:
        assert asked == [(me(), windows_account._machine(), SECRET, 4, 0)]
        assert logon.environment["USERPROFILE"].endswith(me())
        assert "WINEPREFIX" not in logon.environment
        assert "PYTHONHOME" not in logon.environment
        for kept in (SECRET, "USERPROFILE"):
            assert kept not in repr(logon)
        token = logon.token
    assert not close(token)


def a_right_that_is_missing_leaves_the_other_kind_of_logon():
    keep("deploy", me(), BLOB)
    with _logons(1385, 0) as asked, windows_logon.logged_on(me(), "deploy"):
        assert [kind for *_, kind, _ in asked] == [4, 2]


def a_wrong_password_is_tried_once_and_not_told():
    keep("deploy", me(), BLOB)
    with _logons(1326) as asked:
        error = _refused(lambda: windows_logon.logged_on(me(), "deploy").__enter__())
    assert len(asked) == 1
    assert error.code == ErrorCode.USER_OR_PASSWORD_INVALID
    for expected in ("'deploy'", repr(me()), "1326"):
        assert expected in error.info
    assert SECRET not in repr(error)


def another_user_needs_the_name_of_a_password_and_the_agents_own_needs_none():
    keep("deploy", me(), BLOB)
    os.environ["LOGNAME"] = "SYSTEM"
    for own in (("", ""), ("system", ""), ("", "deploy")):
        with windows.as_user(*own) as user:
            assert user.logon is None
    error = _refused(lambda: windows.as_user(me(), "").__enter__())
    assert error.code == ErrorCode.USER_OR_PASSWORD_INVALID
    assert "windows_password_name" in error.info
    with _logons(0), windows.as_user(me(), "deploy") as user:
        assert user.home == user.environment()["USERPROFILE"] == f"C:\\users\\{me()}"


def a_process_has_the_environment_folder_and_output_that_it_was_given():
    process, job, output = _process(
        "cmd.exe", "/d", "/c", "echo %WORD%& cd& echo %PYTHONHOME%& exit /b 5", WORD="hello"
    )
    assert read_all(output).split() == [b"hello", b"C:\\windows", b"%PYTHONHOME%"]
    assert process.wait() == 5
    assert process.pid
    job.release()
    process.close()


def a_process_gets_no_other_handles():
    others_input, others_output = pipe()
    process, job, _ = _process("cmd.exe", "/d", "/c", "ping -n 60 127.0.0.1")
    close(others_output)
    begun = time.monotonic()
    assert read_all(others_input) == b""
    assert time.monotonic() - begun < 20
    _still_runs(process)
    job.end()


def ending_a_job_ends_what_the_process_has_started():
    process, job, output = _process("cmd.exe", "/d", "/c", "cmd.exe /d /c ping -n 60 127.0.0.1")
    _still_runs(process)
    assert job.end().ended >= 1
    assert process.wait(20) == 137
    read_all(output)  # until the last of them is gone


def what_cannot_be_started_is_an_error_of_the_system():
    assert _refused(lambda: _process("no-such-program.exe"), FileNotFoundError).errno == 2


def _process(*command, **variables):
    token = own_token()
    output, written = pipe()
    environment = windows_logon._environment(token) | variables
    process = UserProcess(
        token,
        command,
        folder=PureWindowsPath("C:\\windows"),
        environment=environment,
        nothing=nothing(),
        output=written,
    )
    job = Job(process.handle)
    resume(process.handle)
    close(written)
    return process, job, output


def _still_runs(process):
    try:
        process.wait(0.2)
    except subprocess.TimeoutExpired:
        return
    raise AssertionError("it has ended")


def _refused(call, kind=ScriptError):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError("it was not refused")


class _logons:  # noqa: N801 - reads as a function
    """Stand in for LogonUserW, which answers so many times with these errors; 0 is a token, that of this process."""

    def __init__(self, *errors):
        self._errors = iter(errors)
        self._asked = []
        self._real = windows_logon._advapi.LogonUserW

    def __enter__(self):
        windows_logon._advapi.LogonUserW = self._answer
        return self._asked

    def __exit__(self, *_):
        windows_logon._advapi.LogonUserW = self._real

    def _answer(self, *given):
        *texts, kind, provider, token = given
        assert self._real.argtypes == (ctypes.c_void_p,) * 3 + (ctypes.c_uint32,) * 2 + (ctypes.c_void_p,)
        self._asked.append((*(text_at(ctypes.addressof(each)) for each in texts), kind, provider))
        wine_ctypes._last_error = next(self._errors)
        token._obj.value = None if wine_ctypes._last_error else own_token()
        return not wine_ctypes._last_error


if __name__ == "__main__":
    globals()[sys.argv[1]]()
    sys.stdout.write("passed\n")
