"""The asyncio face: the same operations by the same rules."""

import asyncio
import inspect

import pytest

from cloudassist import Assistant, AsyncAssistant, AsyncInvocation, Invocation
from cloudassist.errors import NotFoundError, ServiceUnavailableError, WaitTimeoutError


def run(settings, action):
    async def act():
        async with AsyncAssistant(settings=settings) as assistant:
            return await action(assistant)

    return asyncio.run(act())


@pytest.mark.parametrize(("one", "other"), [(Assistant, AsyncAssistant), (Invocation, AsyncInvocation)])
def test_both_faces_have_the_same_methods_with_the_same_arguments(one, other):
    def methods(face):
        return {name: value for name, value in vars(face).items() if not name.startswith("_")}

    assert methods(one).keys() == methods(other).keys()
    for name, method in methods(one).items():
        ours, theirs = (inspect.signature(each).parameters for each in (method, methods(other)[name]))
        assert list(ours) == list(theirs), name
        assert [each.default for each in ours.values()] == [each.default for each in theirs.values()], name


def test_a_command_from_its_making_to_its_end(region):
    async def act(assistant):
        command = await assistant.create_command("echo {{a}}", name="n", enable_parameter=True)
        clone = await assistant.clone_command(command.command_id, timeout=20)
        await assistant.modify_command(clone.command_id, description="d")
        invocation = await assistant.invoke_command(clone.command_id, instance_ids=["web-1"], parameters={"a": "1"})
        region.end(invocation.invoke_id, "web-1", output=b"1\n")
        await invocation.wait(5)
        assert invocation.status == "Finished"
        assert [result.output async for result in invocation.results()] == ["1\n"]
        assert (await invocation.refresh()).ended
        await invocation.stop()
        again = await assistant.invocation(invocation.invoke_id)
        assert repr(again) == f"<AsyncInvocation {invocation.invoke_id} Running>"
        await assistant.delete_command(clone.command_id)
        return [entry.operation async for entry in (await assistant.describe_audit_trail(max_results=1)).all()]

    assert run(region.settings, act)[::-1] == [
        "CreateCommand",
        "CloneCommand",
        "ModifyCommand",
        "InvokeCommand",
        "StopInvocation",
        "DeleteCommand",
    ]


def test_following_tells_each_change(region):
    async def act(assistant):
        invocation = await assistant.run_command("true", instance_ids=["web-1", "web-2"])
        seen = []

        async def follow():
            async for progress in invocation.follow(10):
                seen.append(progress.counts["Finished"])
                if len(seen) <= 2:
                    name = f"web-{len(seen)}"
                    await asyncio.to_thread(region.end, invocation.invoke_id, name)
                    await asyncio.to_thread(region.tell, invocation.invoke_id)

        await follow()
        return seen

    assert run(region.settings, act) == [0, 1, 2]


def test_many_wait_in_one_loop(region):
    async def act(assistant):
        invocation = await assistant.run_command("true", instance_ids=["web-1"])
        waiters = [asyncio.create_task((await assistant.invocation(invocation.invoke_id)).wait(10)) for _ in range(20)]
        await asyncio.sleep(0)
        await asyncio.to_thread(region.end, invocation.invoke_id, "web-1")
        await asyncio.to_thread(region.tell, invocation.invoke_id)
        return {waiter.status for waiter in await asyncio.gather(*waiters)}

    assert run(region.settings, act) == {"Finished"}


def test_errors_are_the_same(region):
    async def act(assistant):
        with pytest.raises(NotFoundError):
            await assistant.delete_command("c-0")
        with pytest.raises(NotFoundError):
            await assistant.run_command("true", instance_ids=["nobody"])
        invocation = await assistant.run_command("true", instance_ids=["web-1"])
        with pytest.raises(WaitTimeoutError):
            await invocation.wait(0.1)
        with pytest.raises(TypeError):
            await assistant.run_command("true", instance_ids=["web-1"], lancher=1)

    run(region.settings, act)
    with pytest.raises(ServiceUnavailableError):
        run(type(region.settings)(url="redis://127.0.0.1:1/0"), lambda assistant: assistant.describe_commands())


def test_pages_are_walked(region):
    async def act(assistant):
        for number in range(5):
            await assistant.create_command("true", name=str(number))
        page = await assistant.describe_commands(max_results=2)
        assert (len(page), page[0].name, [each.name for each in page[0:2]]) == (2, "4", ["4", "3"])
        return [command.name async for command in page.all()]

    assert run(region.settings, act) == ["4", "3", "2", "1", "0"]


def test_the_library_is_loaded_when_it_is_missing(region, server):
    server.function_flush()

    async def act(assistant):
        return await assistant.create_command("true", name="n")

    assert run(region.settings, act).name == "n"
