"""The command lines of Windows' service control program; wine's runs them in tests/windows."""

from cloudassist_agent.service import control as service_control


def test_the_service_is_made_to_start_with_the_machine_and_again_whenever_it_fails():
    command = ["C:\\Program Files\\Python\\python.exe", "-m", "cloudassist_agent", "service"]
    create, _, failure, flag = service_control.install(command)
    options = dict(zip(create[3::2], create[4::2], strict=True))
    assert options["binPath="] == '"C:\\Program Files\\Python\\python.exe" -m cloudassist_agent service'
    assert options["start="] == "auto"
    assert failure[-2:] == ["actions=", "restart/5000/restart/30000/restart/60000"]
    assert flag[1:] == ["failureflag", "CloudAssistService", "1"]


def test_it_is_stopped_before_it_is_removed():
    assert [command[1] for command in service_control.uninstall()] == ["stop", "delete"]
