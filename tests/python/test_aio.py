"""soho.aio: one connection, many calls in flight, cancellation that reaches the host."""
import asyncio
import gc
import queue

import pytest
from soho_e2e import PAIR, PATIENCE, eventually, hosted

import soho
import soho.aio


def run(host):
    """Runs an async function with a client."""

    def decorate(function):
        async def main():
            async with await soho.aio.connect(host.address) as client:
                await asyncio.wait_for(function(client), PATIENCE)

        asyncio.run(main())

    return decorate


def test_calls(host):
    @run(host)
    async def _(client):
        items = await client.create("list", [1, 2, 3])
        await items.append((4, {5}))
        assert await items.copy() == [1, 2, 3, (4, {5})] and await items.call("__len__") == 4
        assert [item async for item in items][:3] == [1, 2, 3]
        assert (await (await client.open("shared_pair")).get_x()) == 5
        nested = await client.create("dict")
        await nested.update({"items": items})
        assert await (await nested.get("items")).count(2) == 1
        assert "list" in await client.types() and (await client.describe("list"))["plugin"] == "sync"
        assert (await client.names())["shared_pair"] == "get_pair"


def test_many_calls_in_flight_on_one_connection(host, lone_client):
    @run(host)
    async def _(other):
        items = await other.create("Queue")
        takes = [asyncio.create_task(items.get()) for _ in range(1000)]
        await asyncio.gather(*(items.put(number) for number in range(1000)))
        assert sorted(await asyncio.gather(*takes)) == list(range(1000))
        assert lone_client.stats()["connections"] == 2


def test_cancellation_reaches_the_host(host, client):
    @run(host)
    async def _(other):
        items = await other.create("Queue")
        takes = [asyncio.create_task(items.get()) for _ in range(100)]
        await asyncio.sleep(0.05)
        for take in takes:
            take.cancel()
        assert all(isinstance(each, asyncio.CancelledError) for each in await asyncio.gather(*takes, return_exceptions=True))
        await items.put("for the living")
        assert await items.get() == "for the living"
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(items.get(), 0.02)
        with pytest.raises(TimeoutError):
            await items.call("get", timeout=0.02)
        await items.put(1)
        assert await items.qsize() == 1


def test_locks_belong_to_tasks(host):
    @run(host)
    async def _(client):
        lock = await client.create("RLock")
        async with lock:
            async with lock:
                assert await asyncio.create_task(lock.acquire(False)) is False
        assert not await lock.locked()
        count = 0

        async def step():
            nonlocal count
            async with lock:
                seen = count
                await asyncio.sleep(0)
                count = seen + 1

        await asyncio.gather(*(step() for _ in range(50)))
        assert count == 50


def test_errors(host):
    @run(host)
    async def _(client):
        items = await client.create("Queue")
        with pytest.raises(queue.Empty):
            await items.get(False)
        with pytest.raises(AttributeError, match="exposes no method"):
            await items.nothing()
        with pytest.raises(AttributeError):
            items._private
        with pytest.raises(soho.RemoteError, match='did you mean "list"'):
            await client.create("lst")
        with pytest.raises(TypeError, match="cannot be sent"):
            await items.put(object())
        with pytest.raises(TypeError, match="cannot be pickled.*client.share"):
            import pickle

            pickle.dumps(items)
        assert await items.qsize() == 0


def test_objects_go_with_their_proxies(host, lone_client):
    before = len(lone_client.request("soho.objects"))

    @run(host)
    async def _(other):
        kept = [await other.create("list") for _ in range(20)]
        assert len(lone_client.request("soho.objects")) == before + 20
        ticket = await other.share(kept[0])
        del kept
        gc.collect()
        while len(lone_client.request("soho.objects")) > before + 1:
            await asyncio.sleep(0.01)
        assert lone_client.request("soho.claim", ticket) is not None

    eventually(lambda: len(lone_client.request("soho.objects")) == before)


def test_the_end_of_the_host(request):
    class Case:
        addCleanup = request.addfinalizer

    host = hosted(Case, PAIR, args=["--plugin", __import__("os").environ["SOHO_PLUGINS"] + "/sync.so", "--drain-ms", "5000"])

    async def main():
        told = asyncio.get_running_loop().create_future()
        client = await soho.aio.connect(host.address, on_draining=told.set_result)
        items = await client.create("Queue")
        take = asyncio.create_task(items.get())
        await asyncio.sleep(0.02)
        host.process.terminate()
        assert 0 < await asyncio.wait_for(told, PATIENCE) <= 5
        with pytest.raises((soho.SessionLost, soho.NotStarted)):
            await asyncio.wait_for(take, PATIENCE)
        with pytest.raises((soho.SessionLost, soho.NotStarted)):
            await items.qsize()
        await client.close()

    asyncio.run(main())
    assert host.ended() == 0


def test_nobody_there(tmp_path):
    async def main():
        with pytest.raises(soho.SessionLost, match=f"no host at unix:{tmp_path}/socket"):
            await soho.aio.connect(f"unix:{tmp_path}/socket")

    asyncio.run(main())
