"""Attacks on the folder of a run by others on the same machine, and by the script itself."""

import os
import pwd
import resource
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from cloudassist_agent.scripts.private_folder import private_folder, remove_left, write_new
from cloudassist_agent.scripts.script import ScriptError, shell
from cloudassist_agent.scripts.script_file import script_file
from support.waiting import wait_until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as two users")
NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def shared():
    """A place like /tmp, which the user nobody can reach as well: pytest's own folders are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o1777)
        yield place


def as_nobody(code, *arguments, **options):
    """Start Python as the user nobody."""
    command = ["setpriv", "--reuid=nobody", f"--regid={NOBODY.pw_gid}", "--clear-groups", sys.executable, "-c", code]
    return subprocess.Popen([*command, *map(str, arguments)], **options)


def test_it_is_private_and_goes_with_all_that_is_in_it(tmp_path):
    folder = tmp_path / "run"
    with private_folder(folder, keep=False):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        write_new(folder / "file", b"x")
        assert stat.S_IMODE((folder / "file").stat().st_mode) == 0o600
        (folder / "deep" / "er").mkdir(parents=True)
        (folder / "deep" / "er" / "file").touch()
        (folder / "link").symlink_to("/etc")
    assert list(tmp_path.iterdir()) == []


def test_it_stays_where_it_is_to_be_kept(tmp_path):
    folder = tmp_path / "run"
    with private_folder(folder, keep=True):
        pass
    assert folder.is_dir()


def leave(folder, owner=None):
    """Leave a folder as an agent does that is killed while its script runs."""
    folder.mkdir(mode=0o700)
    write_new(folder / "script.sh", b"secret")
    (folder / "deep").mkdir()
    (folder / "deep" / "file").touch()
    for path in (folder, folder / "script.sh") if owner else ():
        os.chown(path, owner.pw_uid, owner.pw_gid)


@pytest.mark.parametrize("owner", [None, pytest.param(NOBODY, marks=as_root)])
def test_what_a_killed_agent_has_left_goes_and_nothing_else(shared, owner):
    leave(shared / "left", owner)
    leave(shared / "another", owner)
    assert remove_left(shared / "left")
    assert [path.name for path in shared.iterdir()] == ["another"]


def test_nothing_to_remove_is_well(tmp_path):
    assert remove_left(tmp_path / "left")
    assert remove_left(tmp_path / "no" / "left")


def test_the_name_of_what_was_left_is_not_used_again(tmp_path):
    """Whoever made it could get at what is written there."""
    (tmp_path / "run").mkdir()
    assert "File exists" in refusal(tmp_path)
    assert (tmp_path / "run").is_dir()


def test_what_cannot_be_removed_is_told(shared, monkeypatch):
    monkeypatch.setattr("cloudassist_agent.scripts.private_folder.REMOVAL_SECONDS", 0)
    leave(shared / "left")
    assert not remove_left(shared / "left")
    assert (shared / "left" / "script.sh").exists()


def test_nothing_is_removed_from_a_place_where_others_could_have_exchanged_it(tmp_path):
    leave(tmp_path / "left")
    tmp_path.chmod(0o777)
    assert not remove_left(tmp_path / "left")
    assert (tmp_path / "left" / "script.sh").exists()


@pytest.fixture
def nest():
    """Nest folders in one, as deep as told or until ended; with a file in the innermost."""
    code = """
import os, sys
os.chdir(sys.argv[1])
for _ in iter(int, 1) if sys.argv[2] == "ever" else range(int(sys.argv[2])):
    os.mkdir("d")
    os.chdir("d")
open("file", "w").close()
"""
    return lambda folder, depth: subprocess.Popen([sys.executable, "-c", code, str(folder), str(depth)])


def test_it_goes_however_deep_a_script_has_nested_folders_in_it(tmp_path, nest):
    """Removal by recursion failed at a thousand levels, and the record of the script with it."""
    folder = tmp_path / "run"
    with private_folder(folder, keep=False):
        assert nest(folder, 3_000).wait(20) == 0
        (folder / "d" / "beside").mkdir(mode=0o500)
    assert list(tmp_path.iterdir()) == []


def test_what_goes_on_filling_it_does_not_hold_the_agent(tmp_path, nest, monkeypatch):
    monkeypatch.setattr("cloudassist_agent.scripts.private_folder.REMOVAL_SECONDS", 0.2)
    folder = tmp_path / "run"
    with private_folder(folder, keep=False):
        filling = nest(folder, "ever")
        wait_until((folder / "d" / "d" / "d").is_dir, "the other process to begin")
        begun = time.monotonic()
    assert time.monotonic() - begun < 10
    filling.kill()
    filling.wait(10)
    subprocess.run(["rm", "-rf", folder], check=True)


def test_a_folder_that_cannot_be_held_open_is_said_and_goes(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        info = refusal(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert "Too many open files" in info
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_private_once_it_was_made_is_refused(tmp_path):
    before = os.umask(0o100)
    try:
        info = refusal(tmp_path)
    finally:
        os.umask(before)
    assert "it is not private" in info
    assert list(tmp_path.iterdir()) == []


def refusal(place):
    with pytest.raises(ScriptError) as caught, private_folder(place / "run", keep=False):
        pass
    return caught.value.info


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757])
def test_a_place_that_others_can_change_is_refused(tmp_path, mode):
    place = tmp_path / "open"
    place.mkdir()
    place.chmod(mode)
    assert f"others than root and the agent's user can change {place}" in refusal(place)
    place.chmod(mode | stat.S_ISVTX)
    with private_folder(place / "run", keep=False):
        assert (place / "run").is_dir()


def test_so_is_a_place_below_one_that_others_can_change(tmp_path):
    place = tmp_path / "open" / "closed"
    place.mkdir(parents=True)
    place.parent.chmod(0o777)
    assert str(place.parent) in refusal(place)


@as_root
def test_so_is_a_place_of_somebody_else_and_a_link_of_theirs(tmp_path):
    place, link = tmp_path / "theirs", tmp_path / "link"
    place.mkdir()
    link.symlink_to(tmp_path)
    os.chown(place, NOBODY.pw_uid, -1)
    os.lchown(link, NOBODY.pw_uid, -1)
    assert str(place) in refusal(place)
    assert str(link) in refusal(link)


def test_a_place_that_is_not_there_is_said(tmp_path):
    assert "No such file" in refusal(tmp_path / "none")


def test_a_file_is_never_written_through_what_is_there(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "link").symlink_to(victim)
    for name in ("link", "victim"):
        with pytest.raises(FileExistsError):
            write_new(tmp_path / name, b"x")
    assert victim.read_text() == "mine"


MISCHIEF = {
    "the folder becomes a link": "os.rename(folder, folder + '.gone'); os.symlink(victim, folder)",
    "the folder becomes another": "os.rename(folder, folder + '.gone'); os.mkdir(folder); open(folder + '/x', 'w')",
    "the file becomes a link": "os.unlink(script); os.symlink(victim + '/script.sh', script)",
    "links to folders and files": "os.symlink(victim, folder + '/a'); os.symlink(victim + '/script.sh', folder + '/b')",
    "the way up": "os.mkdir(folder + '/deep'); os.symlink('/', folder + '/deep/root')",
    "links below": "os.makedirs(folder + '/a/b/c'); os.symlink(victim, folder + '/a/b/c/d')",
}


@as_root
@pytest.mark.parametrize("what", MISCHIEF)
def test_a_script_that_exchanges_its_folder_makes_the_agent_remove_nothing_else(shared, tmp_path, what):
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "script.sh").write_text("precious")
    (victim / "other").write_text("precious")
    give = lambda *paths: [os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid) for path in paths]  # noqa: E731
    code = f"import os, sys; folder, script, victim = sys.argv[1:]; {MISCHIEF[what]}"
    with script_file(shell("true"), shared / "run", keep=False, give=give) as command:
        script = Path(command[-1])
        assert as_nobody(code, script.parent, script, victim).wait(20) == 0
    assert (victim / "script.sh").read_text() == (victim / "other").read_text() == "precious"
    assert (victim / "other").stat().st_uid == 0


REPLACED = {
    "a link to a folder": "os.symlink(victim, folder)",
    "a link to nowhere": "os.symlink(victim + '/none', folder)",
    "a file": "open(folder, 'w').write('x')",
    "a queue": "os.mkfifo(folder)",
}


@as_root
@pytest.mark.parametrize("what", REPLACED)
def test_what_was_put_in_place_of_what_was_left_is_left_alone(shared, tmp_path, what):
    victim, folder = tmp_path / "victim", shared / "left"
    victim.mkdir()
    (victim / "script.sh").write_text("precious")
    assert as_nobody(f"import os, sys; folder, victim = sys.argv[1:]; {REPLACED[what]}", folder, victim).wait(20) == 0
    before = folder.lstat()
    assert not remove_left(folder)
    assert os.path.samestat(folder.lstat(), before)
    assert (victim / "script.sh").read_text() == "precious"


@as_root
def test_links_in_what_was_left_lead_nowhere(shared, tmp_path):
    victim, folder = tmp_path / "victim", shared / "left"
    victim.mkdir()
    (victim / "script.sh").write_text("precious")
    code = """
import os, sys
folder, victim = sys.argv[1:]
os.makedirs(folder + "/a/b")
for link in ("/script.sh", "/a/link", "/a/b/link"):
    os.symlink(victim, folder + link)
os.symlink(victim + "/script.sh", folder + "/a/b/file")
os.symlink("/", folder + "/a/root")
"""
    assert as_nobody(code, folder, victim).wait(20) == 0
    assert remove_left(folder)
    assert list(shared.iterdir()) == []
    assert (victim / "script.sh").read_text() == "precious"


@as_root
def test_a_hard_link_goes_and_what_it_is_a_link_to_stays_as_it_was(shared):
    """The user's own file, that is: the kernel lets nobody link to those of others (fs.protected_hardlinks)."""
    give = lambda *paths: [os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid) for path in paths]  # noqa: E731
    code = "import os, sys; folder, own = sys.argv[1:]; open(own, 'w').write('x'); os.link(own, folder + '/a')"
    outside = shared / "outside"
    with script_file(shell("true"), shared / "run", keep=False, give=give) as command:
        assert as_nobody(code, Path(command[-1]).parent, outside).wait(20) == 0
    assert list(shared.iterdir()) == [outside]
    assert outside.read_text() == "x"
    assert (outside.stat().st_uid, outside.stat().st_nlink) == (NOBODY.pw_uid, 1)


GREED = """
import os, sys
place, victim = sys.argv[1:]
print("ready", flush=True)
while True:
    for name in os.listdir(place):
        path = os.path.join(place, name)
        for attempt in (
            lambda: os.rename(path, path + ".gone"),
            lambda: os.symlink(victim, path),
            lambda: os.symlink(victim, os.path.join(path, "script.sh")),
            lambda: open(os.path.join(path, "script.sh")).read() and print("read", flush=True),
            lambda: os.rmdir(path),
        ):
            try:
                attempt()
            except OSError:
                pass
"""


@as_root
def test_somebody_who_races_gets_neither_in_nor_in_the_way(shared, tmp_path):
    """Two hundred scripts, while another user tries to exchange, read and remove whatever appears."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    greedy = as_nobody(GREED, shared, victim, stdout=subprocess.PIPE)
    said = []
    listener = threading.Thread(target=lambda: said.extend(greedy.stdout))
    listener.start()
    try:
        wait_until(lambda: said, "the other user to begin")
        for number in range(200):
            with script_file(shell(f"echo {number}"), shared / f"run-{number}", keep=False) as command:
                done = subprocess.run(command, capture_output=True, check=True)
                assert done.stdout == f"{number}\n".encode()
    finally:
        greedy.kill()
        greedy.wait(10)
        listener.join(10)
        greedy.stdout.close()
    assert said == [b"ready\n"]
    assert victim.read_text() == "precious"
    # What is left is what the other user has made there.
    assert {path.lstat().st_uid for path in shared.iterdir()} <= {NOBODY.pw_uid}
