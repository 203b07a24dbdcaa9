"""Values that MessagePack has and Python has not: a call that has one fails, and nothing else."""
import asyncio

import msgpack
import pytest
from soho_e2e import Client as Raw, eventually, id_of, pack

import soho
import soho.aio
from soho._values import Codec

NO_KEY = "a key that no dict can have"
VALUES = {
    "array as key": (b"\x81\x90\x01", TypeError, NO_KEY),
    "map as key": (b"\x81\x80\x01", TypeError, NO_KEY),
    "set as key": (b"\x81" + pack(msgpack.ExtType(0x55, b"\x91\x01")) + b"\x01", TypeError, NO_KEY),
    "array as key, in a tuple": (pack(msgpack.ExtType(0x54, b"\x91\x81\x90\x01")), TypeError, NO_KEY),
    "array in a set": (pack(msgpack.ExtType(0x55, b"\x91\x90")), TypeError, "a set has an element that none can have"),
    "short timestamp": (b"\xc7\x03\xff\x01\x02\x03", ValueError, "what Python cannot have"),
    "late timestamp": (b"\xc7\x0c\xff" + b"\0" * 4 + b"\x7f" + b"\xff" * 7, ValueError, "what Python cannot have"),
    "in many pieces": (b"\x93\x81\x90\x01" + pack(b"x" * 3_000_000) + pack(b"y" * 3_000_000), TypeError, NO_KEY),
}
values = pytest.mark.parametrize("value, raised, text", VALUES.values(), ids=VALUES)


class Echo:
    def __init__(self):
        self.shared = None

    def echo(self, *args, **keywords):
        return [*args, *keywords.values()]

    def set(self, shared):
        self.shared = shared

    def first(self):
        return self.shared[0]


@pytest.fixture(scope="module")
def provider(host):
    provider = soho.Provider(host.address)
    provider.register("Echo", Echo)
    with provider:
        yield provider


@pytest.fixture
def raw(host):
    with Raw(host.address, errors="full", handles="ext") as raw:
        yield raw


def call(raw, target, method, args, options=b"\x80"):
    """With arguments that are packed already."""
    msgid, _ = raw.frame("")
    raw.raw(b"\x94\x00" + pack(msgid) + pack("soho.call") + b"\x94" + pack(target) + pack(method) + args + options)
    return raw.outcome(msgid)


def holding(raw, value):
    """A list with such a value."""
    held = raw.create("list")
    assert call(raw, held, "append", b"\x91" + value) is None
    return held


@values
def test_an_argument_fails_its_call_alone(provider, raw, value, raised, text):
    echo = raw.create("Echo")
    refused = call(raw, echo, "echo", b"\x92\x05" + value)
    assert refused.type == raised.__name__ and text in refused.text
    assert "argument 2" in refused.text or value[0] >= 0xC7
    refused = call(raw, echo, "echo", b"\x90", b"\x81\xa2kw\x81\xa1k" + value)
    assert refused.type == raised.__name__ and text in refused.text
    assert raw.call(echo, "echo", 1) == [1]
    assert not provider.wait(0) and not provider._served


@values
def test_a_result_fails_its_call_alone(host, raw, value, raised, text):
    raw.do("soho.publish", holding(raw, value), "held")
    try:
        with soho.Client(host.address) as client:
            held = client.open("held")
            connections = set(held._soho_session._open)
            for _ in range(3):
                with pytest.raises(raised, match=text):
                    held[0]
                assert len(held) == 1
            assert held._soho_session.epoch == 0 and held._soho_session._open == connections
    finally:
        raw.do("soho.unpublish", "held")


@values
def test_a_result_that_a_hosted_object_asked_for(provider, raw, value, raised, text):
    echo = raw.create("Echo")
    raw.call(echo, "set", holding(raw, value))
    for _ in range(3):
        refused = raw.outcome(raw.start(echo, "first"))
        assert refused.type == raised.__name__ and text in refused.text
        assert raw.call(echo, "echo", 1) == [1]
    assert not provider.wait(0) and not provider._served


@values
def test_a_result_in_asyncio(host, raw, value, raised, text):
    raw.do("soho.publish", holding(raw, value), "held")

    async def ask():
        async with await soho.aio.connect(host.address) as client:
            held = await client.open("held")
            first, length, types = await asyncio.gather(held.call("__getitem__", 0), held.call("__len__"), client.types(),
                                                        return_exceptions=True)
            assert isinstance(first, raised) and text in str(first)
            assert length == 1 and "list" in types
            assert await held.call("__len__") == 1

    try:
        asyncio.run(ask())
    finally:
        raw.do("soho.unpublish", "held")


@pytest.mark.parametrize("value", [VALUES["array as key"][0], VALUES["array as key, in a tuple"][0]], ids=["plain", "in a tuple"])
@pytest.mark.parametrize("is_first", [True, False])
def test_objects_that_came_along_are_given_back(host, provider, raw, value, is_first):
    echo = raw.create("Echo")
    companion = raw.create("list")
    handle = pack(companion)
    first, second = (value, handle) if is_first else (handle, value)
    for args in (first + second, first + pack(msgpack.ExtType(0x54, b"\x91" + second)),
                 handle + pack(msgpack.ExtType(0x54, b"\x92" + first + second))):
        refused = call(raw, echo, "echo", b"\x92" + args)
        assert refused.type == "TypeError" and NO_KEY in refused.text
    assert raw.call(companion, "__len__") == 0
    raw.release(companion)
    eventually(lambda: id_of(companion) not in [each["id"] for each in host.admin.do("soho.objects")])
    assert raw.call(echo, "echo", 1) == [1]


def test_a_message_whose_reading_is_interrupted_is_read_to_its_end():
    class Home:
        allow_pickle, came = False, []

        def proxy(self, object_id, typeid):
            self.came.append(object_id)
            if len(self.came) == 1:
                raise KeyboardInterrupt

    codec = Codec()
    codec.home = Home()
    message = pack([1, 7, None, [msgpack.ExtType(0x53, pack([3, "list"])), "x" * 100]])
    with pytest.raises(KeyboardInterrupt):
        codec.read(message)
    following = pack([1, 8, None, {"a": 5}])
    codec.feed(following[:2])
    assert codec.next_message()[:2] == [1, 7] and codec.take_failure() is not None and codec.next_message() is None
    assert codec.home.came == [3, 3], "what came is given back"
    codec.feed(following[2:])
    assert codec.next_message() == [1, 8, None, {"a": 5}] and codec.failure is None and codec.next_message() is None


def test_what_comes_right_after_an_awaited_message_is_not_lost():
    codec = Codec()
    first, second = [1, 1, None, None], [0, 2, "soho.call", [5, "get", [], {}]]
    data = pack(first) + pack(second)
    for end in range(len(pack(first)), len(data)):
        assert codec.read(data[:end]) == first
        assert codec.next_message() is None
        codec.feed(data[end:])
        assert codec.next_message() == second and codec.next_message() is None
    assert codec.read(data) == first and codec.next_message() == second and codec.next_message() is None


def test_text_that_is_no_utf8(provider, host, raw):
    """A byte that is none of a character's is a lone surrogate in Python, as in the names of files."""
    echo = raw.create("Echo")
    for data, text in ((b"a\xff\xfe", "a\udcff\udcfe"), (b"\xed\xa0\x80", "\ud800"), (b"\xed\xb2\x80", "\udced\udcb2\udc80"),
                       (b"\xc3", "\udcc3"), ("grüß\N{SNOWMAN}\U0001F600".encode(), "grüß\N{SNOWMAN}\U0001F600")):
        packed = bytes((0xA0 + len(data),)) + data
        held = holding(raw, packed)
        raw.do("soho.publish", held, "text")
        with soho.Client(host.address) as client:
            assert client.open("text")[0] == text
            client.open("text").append(text)
            assert client.open("text")[:] == [text, text] and client.open("text").count(text) == 2
            assert client.create("Echo").echo(text, (text, {text}), frozenset([text])) == [text, (text, {text}), frozenset([text])]
        raw.do("soho.unpublish", "text")
    assert call(raw, echo, "echo", b"\x90", b"\x82\xa5trace\xa2\xff\xfe\xa5owner\xa2\xff\xfe") == []
    assert raw.call(echo, "echo", 1) == [1]
