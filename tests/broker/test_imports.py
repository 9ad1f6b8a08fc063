import subprocess
import sys

HEAVY = ("celery", "kombu", "redis", "pydantic", "nacl")


def loaded_by(statement, names=HEAVY):
    """Return which of the heavy packages, or of others, a statement loads in a fresh interpreter."""
    code = f"{statement}\nimport sys\nprint(*[name for name in {names!r} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_importing_the_package_loads_neither_broker_nor_models():
    assert loaded_by("import cloudassist") == []


def test_the_command_line_plugin_loads_only_click():
    assert loaded_by("import cloudassist.plugin") == []


def test_the_vocabulary_loads_no_broker():
    assert loaded_by("import cloudassist.messages, cloudassist.verdict, cloudassist.settings") == ["nacl"]


def test_an_agent_loads_no_models():
    assert "pydantic" not in loaded_by("import cloudassist_agent.worker")


def test_a_producer_loads_no_celery():
    names = [name for name in HEAVY if name != "celery"]
    assert loaded_by("from cloudassist import Assistant, LocalStack, InvokeStatus") == names


def test_the_application_of_the_command_line_loads_nothing_that_only_workers_need():
    names = ("celery.apps.worker", "cloudassist.dispatch", "cloudassist.duties", "nacl")
    assert loaded_by("import cloudassist; cloudassist.celery", names) == []
