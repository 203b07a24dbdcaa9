"""A session that offers types (PROTOCOL.md, 9). These tests are the provider themselves, frame by frame, so that each state that it or its
callers can vanish in is one of a test's choosing."""
import signal
import sys
import unittest

sys.path.insert(0, __file__.rpartition("/tests/")[0] + "/tests/support")
from soho_e2e import BUNDLED, PAIR, Client, Refused, eventually, ext_handle, hosted, id_of, pack, plugin, type_of  # noqa: E402

import msgpack  # noqa: E402

OWN = 0x5B


def own_handle(own_id, type_id):
    return msgpack.ExtType(OWN, pack([own_id, type_id]))


def described(type_id, *methods, **keys):
    """Methods as names, or as (name, description)."""
    pairs = [each if isinstance(each, tuple) else (each, {"args": [{"name": "args", "kind": "args"}, {"name": "kwargs", "kind": "kwargs"}]})
             for each in methods]
    return {"type": type_id, "methods": dict(pairs), "args": [{"name": "args", "kind": "args"}], **keys}


COUNTER = described("Counter", ("add", {"args": [{"name": "by", "type": "int64", "default": 1}], "returns": "int64", "doc": "Adds.", "flags": ["idempotent"]}),
                    "get", ("copy", {"returns_typeid": "Counter"}), "swallow", version=[1, 2], doc="Counts.", proxytype="CounterProxy")


class Provider(Client):
    """A connection that offers, and answers what the test has it answer."""

    def __init__(self, host, *types, name="counters", client="provider"):
        super().__init__(host.address, handles="ext", errors="full", client=client)
        self.asked = []
        self.do("soho.offer", {"name": name, "version": "2.5", "types": list(types)})

    def reply(self, msgid):
        while msgid not in self.replies:
            self.read()
        return super().reply(msgid)

    def read(self):
        message = self.receive()
        if message[0] == 1:
            self.replies[message[1]] = message
        else:
            self.asked.append(message)

    def next(self, method):
        """The next message of the host's, which must be that one: (msgid, params)."""
        while not self.asked:
            self.read()
        message = self.asked.pop(0)
        assert message[-2] == method, message
        return (message[1] if message[0] == 0 else None), message[-1]

    def answer(self, msgid, result=None, error=None):
        self.raw(pack([1, msgid, error, result]))


class Provided(unittest.TestCase):
    def setUp(self):
        self.host = hosted(self, PAIR, BUNDLED / "sync.so")
        self.gauges = self.host.at_rest(0)
        self.provider = self.enterContext(Provider(self.host, COUNTER))
        self.client = self.enterContext(Client(self.host.address, errors="full"))

    def create(self, own_id=7, client=None):
        """A Counter that the provider knows by that number."""
        client = client or self.client
        created = client.request("soho.create", "Counter", [])
        msgid, params = self.provider.next("soho.create")
        self.assertEqual(params[:2], ["Counter", []])
        self.provider.answer(msgid, own_handle(own_id, "Counter"))
        return client.reply(created)

    def test_its_types_are_like_others(self):
        types = {each["type"]: each for each in self.client.do("soho.types")}
        counter = types["Counter"]
        self.assertEqual((counter["version"], counter["doc"], counter["proxytype"], counter["plugin"], counter["create_method"]),
                         ([1, 2], "Counts.", "CounterProxy", "counters", True))
        self.assertEqual(counter["methods"]["add"], {"args": [{"name": "by", "type": "int64", "doc": "", "default": 1}], "returns": "int64",
                                                     "doc": "Adds.", "flags": ["idempotent"]})
        self.assertEqual(counter["methods"]["copy"]["returns_typeid"], "Counter")
        offered, = (each for each in self.host.admin.do("soho.plugins") if each["name"] == "counters")
        self.assertEqual(offered["version"], "2.5")
        self.assertRegex(offered["file"], r"^session \d+ \(uid:\d+\)$")

    def test_creating_calling_and_letting_go(self):
        counter = self.create(7)
        self.assertEqual(type_of(counter), "Counter")
        call = self.client.request("soho.call", counter, "add", [], {"owner": "me", "trace": "t-1", "timeout_ms": 60_000})
        msgid, (target, method, args, options) = self.provider.next("soho.call")
        self.assertEqual((target, method, args), (7, "add", [1]))
        self.assertEqual({key: options[key] for key in ("owner", "trace")}, {"owner": "me", "trace": "t-1"})
        self.assertEqual(options["session"], self.client.do("soho.whoami")["session"])
        self.assertTrue(50_000 < options["timeout_ms"] <= 60_000, options)
        self.provider.answer(msgid, 1)
        self.assertEqual(self.client.reply(call), 1)
        call = self.client.request("soho.call", counter, "get", [[1, "x"]], {"kw": {"k": b"\x00"}})
        msgid, (target, method, args, options) = self.provider.next("soho.call")
        self.assertEqual((method, args, options["kw"]), ("get", [[1, "x"]], {"k": b"\x00"}))
        self.provider.answer(msgid, {"deep": [None, 1.5]})
        self.assertEqual(self.client.reply(call), {"deep": [None, 1.5]})
        self.client.release(counter)
        self.assertEqual(self.provider.next("soho.release"), (None, [[7, 1]]))

    def test_what_it_gives_must_be_of_the_type_that_is_due(self):
        counter = self.create()
        copy = self.client.start(counter, "copy")
        self.provider.answer(self.provider.next("soho.call")[0], own_handle(8, "Other"))
        self.assertRegex(str(self.client.outcome(copy)), "^internal: the result of copy: a handle of a Counter is due, not of a Other; a defect of")
        create = self.client.request("soho.create", "Counter", [])
        self.provider.answer(self.provider.next("soho.create")[0], own_handle(8, "Other"))
        self.assertRegex(str(self.client.outcome(create)), "^internal: the result of Counter: a handle of a Counter is due, not of a Other")

    def test_the_log_says_why_it_has_gone(self):
        self.provider.answer(77, 1)
        eventually(lambda: "a reply to msgid 77, which nobody asked" in self.host.log())
        self.assertRegex(self.host.log(), r"info provider counters \(session \d+, uid:\d+\) is gone: a reply to msgid 77, which nobody asked")

    def test_it_may_hear_what_becomes_of_its_replies(self):
        counter = self.create()
        call = self.client.request("soho.call", counter, "get", [])
        msgid, _ = self.provider.next("soho.call")
        self.provider.do("soho.notice", msgid)
        self.provider.answer(msgid, "item")
        self.assertEqual(self.client.reply(call), "item")
        self.assertEqual(self.provider.next("soho.delivered"), (None, [msgid]))
        gone = Client(self.host.address, errors="full")
        gone.request("soho.call", gone.do("soho.retain", counter), "get", [])
        msgid, _ = self.provider.next("soho.call")
        gone.close()
        self.assertEqual(self.provider.next("soho.cancel"), (None, [msgid]))
        self.provider.do("soho.notice", msgid)
        self.provider.answer(msgid, "item")
        self.assertEqual(self.provider.next("soho.discarded"), (None, [msgid]))

    def test_it_may_hear_of_sessions_ends(self):
        session = Client(self.host.address, errors="full")
        number = session.do("soho.whoami")["session"]
        for _ in range(2):
            self.provider.do("soho.watch_session", number)
        session.close()
        self.assertEqual(self.provider.next("soho.session_end"), (None, [number]))
        self.provider.do("soho.watch_session", number)  # which has gone
        self.assertEqual(self.provider.next("soho.session_end"), (None, [number]))
        self.provider.do("soho.ping")
        self.assertEqual(self.provider.asked, [])

    def test_it_may_say_what_its_objects_hold(self):
        counter = self.create()
        held = lambda: next(each["bytes"] for each in self.host.admin.do("soho.objects") if each["id"] == id_of(counter))
        for size in (1000, 5000, 0):
            self.provider.do("soho.charge", [[7, size], [99, 1]])
            self.assertEqual(held(), size)
        for wrong in (7, [[7]], [[7, -1]], [["x", 1]]):
            with self.assertRaisesRegex(Refused, "bad_arguments: soho.charge takes"):
                self.provider.do("soho.charge", wrong)

    def test_what_is_for_providers_is_for_nobody_else(self):
        for method, param in (("soho.notice", 1), ("soho.watch_session", 1), ("soho.charge", []), ("soho.delivered", 1), ("soho.session_end", 1)):
            with self.assertRaisesRegex(Refused, f"denied: {method} is for providers"):
                self.client.do(method, param)

    def test_what_it_did_not_expose_never_comes(self):
        counter = self.create()
        for method, args, kind in (("reset", [], "no_method"), ("add", [1, 2], "bad_arguments"), ("__class__", [], "no_method")):
            with self.assertRaisesRegex(Refused, kind):
                self.client.call(counter, method, *args)
        self.assertEqual(self.provider.do("soho.ping"), None)
        self.assertEqual(self.provider.asked, [])

    def test_an_open_type_decides_for_each_object(self):
        with Provider(self.host, described("Any", "listed", open=True), name="any") as provider:
            created = self.client.request("soho.create", "Any", [])
            provider.answer(provider.next("soho.create")[0], own_handle(3, "Any"))
            thing = self.client.reply(created)
            for name in ("listed", "whatever"):
                call = self.client.request("soho.call", thing, name, [1], {"kw": {"k": 2}})
                msgid, (_, method, args, options) = provider.next("soho.call")
                self.assertEqual((method, args, options["kw"]), (name, [1], {"k": 2}))
                provider.answer(msgid, error=[3, "no such method", {"kind": "no_method"}])
                self.assertEqual(self.client.outcome(call).kind, "no_method")
            for name in ("_private", "__class__", "a b", "", "x" * 256):
                with self.assertRaisesRegex(Refused, "no_method"):
                    self.client.call(thing, name)
            self.assertTrue(self.client.do("soho.types", "Any")["open"])
            calls = [self.client.start(thing, f"made_up_{i}") for i in range(1100)]
            refused = [self.client.outcome(call) for call in calls[999:]]  # one was asked for before
            self.assertEqual({each.kind for each in refused}, {"limit"})
            self.assertIn("you have asked it for 1000 names already that nobody had asked it for", refused[0].text)

    def test_a_plugin_hears_why_it_may_make_up_no_more_names(self):
        host = hosted(self, plugin("objects"))
        with Client(host.address, errors="full") as client, Provider(host, described("Any", open=True), name="any") as provider:
            created = client.request("soho.create", "Any", [])
            provider.answer(provider.next("soho.create")[0], own_handle(3, "Any"))
            node = client.create("Node")
            client.call(node, "link", "any", client.reply(created))
            calls = [client.start(node, "ask", "any", f"made_up_{i}") for i in range(1001)]
            refused = client.outcome(calls[-1])
            self.assertEqual(refused.kind, "limit")
            self.assertIn("you have asked it for 1000 names already that nobody had asked it for", refused.text)

    def test_errors_arrive_as_they_are(self):
        counter = self.create()
        for error, wanted in (([16, "'k'", {"kind": "failed", "type": "KeyError", "data": b"\x01"}], ("failed", "KeyError", "'k'")),
                              ("failed: ValueError: no", ("failed", "ValueError", "no")),
                              ([9, "too much", {"kind": "overloaded"}], ("overloaded", None, "too much"))):
            call = self.client.start(counter, "get")
            self.provider.answer(self.provider.next("soho.call")[0], error=error)
            refused = self.client.outcome(call)
            self.assertEqual((refused.kind, refused.type, refused.text), wanted)

    def test_what_an_error_attaches_is_in_the_form_of_the_connection(self):
        opaque = msgpack.ExtType(0x5A, pack(["python", b"\x80"]))
        attached = {"opaque": opaque, "items": msgpack.ExtType(0x54, pack([1, 2])), "like": {"$soho": 1, "type": "T"}}
        as_map = {"opaque": {"language": "python", "bytes": b"\x80"}, "items": [1, 2], "like": {"$$soho": 1, "type": "T"}}
        with Client(self.host.address, errors="full", handles="ext") as other:
            for client, wanted in ((self.client, as_map), (other, attached)):
                counter = self.create(client=client)
                for data, told in ((attached, wanted), ([own_handle(7, "Counter")], None), ([ext_handle(id_of(counter), "Counter")], None)):
                    call = client.start(counter, "get")
                    self.provider.answer(self.provider.next("soho.call")[0], error=[16, "no", {"kind": "failed", "type": "E", "data": data}])
                    self.assertEqual(client.outcome(call).data, told)

    def test_order_and_late_replies(self):
        counter = self.create()
        calls = [self.client.start(counter, "add", i) for i in range(100)]
        asked = [self.provider.next("soho.call") for _ in calls]
        self.assertEqual([params[2] for _, params in asked], [[i] for i in range(100)])
        for msgid, params in reversed(asked):
            self.provider.answer(msgid, params[2][0])
        self.assertEqual([self.client.reply(call) for call in calls], list(range(100)))

    def test_results_that_are_objects(self):
        counter = self.create(7)
        call = self.client.start(counter, "copy")
        self.provider.answer(self.provider.next("soho.call")[0], own_handle(8, "Counter"))
        copy = self.client.reply(call)
        self.assertNotEqual(id_of(copy), id_of(counter))
        self.assertEqual(type_of(copy), "Counter")
        # The same once more is the same object; and anywhere in a value.
        call = self.client.start(counter, "get")
        self.provider.answer(self.provider.next("soho.call")[0], {"both": [own_handle(7, "Counter"), own_handle(8, "Counter")]})
        self.assertEqual(self.client.reply(call), {"both": [counter, copy]})
        call = self.client.start(counter, "copy")
        self.provider.answer(self.provider.next("soho.call")[0], None)  # none to give
        self.assertIsNone(self.client.reply(call))
        self.client.release(copy, 2)
        self.assertEqual(self.provider.next("soho.release"), (None, [[8, 2]]))
        self.client.release(counter, 2)
        self.assertEqual(self.provider.next("soho.release"), (None, [[7, 2]]))

    def test_handles_in_arguments(self):
        counter = self.create(7)
        pair = self.client.create("Pair", 1, 2)
        call = self.client.request("soho.call", counter, "swallow", [[counter, pair]], {"kw": {"again": pair}})
        msgid, (_, _, ((mine, others),), options) = self.provider.next("soho.call")
        self.assertEqual(mine, own_handle(7, "Counter"))
        self.assertEqual((others, options["kw"]["again"]), (ext_handle(id_of(pair), "Pair"),) * 2)
        self.provider.answer(msgid)
        self.client.reply(call)
        self.client.release(pair)
        self.assertEqual(self.provider.call(others, "get_x"), 1)  # it has a reference of its own
        self.provider.release(others, 2)
        with self.assertRaisesRegex(Refused, "no_object"):
            self.provider.call(others, "get_x")

    def test_its_objects_go_to_others_as_arguments(self):
        counter = self.create(7)
        client = self.host.client(handles="ext")
        here = client.create("list", [], name="here")
        self.provider.do("soho.call", "here", "append", [own_handle(7, "Counter")])
        self.provider.do("here.append", own_handle(8, "Counter"))
        first, second = client.call(here, "__getitem__", 0), client.call(here, "__getitem__", 1)
        self.assertEqual(first, ext_handle(id_of(counter), "Counter"))
        self.assertEqual(type_of(second), "Counter")
        client.release(second)
        client.call(here, "clear")
        self.assertEqual(self.provider.next("soho.release"), (None, [[8, 1]]))
        with self.assertRaisesRegex(Refused, "no_object: a handle of a provider's own"):
            client.call(here, "append", own_handle(7, "Counter"))

    def test_its_calls_on_others_are_on_behalf_of_who_called_it(self):
        counter = self.create()
        lock = self.client.create("RLock")
        self.client.do("soho.publish", lock, "lock")
        call = self.client.request("soho.call", counter, "get", [], {"owner": "a-thread", "timeout_ms": 60_000})
        msgid, _ = self.provider.next("soho.call")
        self.assertTrue(self.provider.do("soho.call", "lock", "acquire", [], {"parent": msgid}))
        # It is the first caller's now, not the provider's.
        self.assertTrue(self.client.do("soho.call", "lock", "acquire", [False], {"owner": "a-thread"}))
        self.assertFalse(self.provider.do("soho.call", "lock", "acquire", [False]))
        self.provider.answer(msgid)
        self.client.reply(call)
        # It has replied: what is under way then is its own.
        self.assertFalse(self.provider.do("soho.call", "lock", "acquire", [False], {"parent": msgid}))
        with self.assertRaisesRegex(Refused, 'bad_arguments: soho.call: option "parent" is for providers'):
            self.client.do("soho.call", "lock", "acquire", [], {"parent": msgid})

    def test_objects_that_call_each_other_for_ever_end(self):
        counter = self.create()
        self.provider.do("soho.publish", own_handle(7, "Counter"), "self")
        call, depth, calls = self.client.start(counter, "get"), 0, []
        msgid, _ = self.provider.next("soho.call")
        outcome = None
        while outcome is None:
            asked = self.provider.request("soho.call", "self", "get", [], {"parent": msgid})
            calls.append((msgid, asked))
            while asked not in self.provider.replies and not self.provider.asked:
                self.provider.read()
            if asked in self.provider.replies:
                outcome = self.provider.outcome(asked)
            else:
                msgid, _ = self.provider.next("soho.call")
        self.assertRegex(str(outcome), r"limit: calls of objects on objects, one inside the other, \d+ deep")
        self.assertEqual(len(calls), 33)
        for msgid, _ in reversed(calls):
            self.provider.answer(msgid, "done")
        self.assertEqual(self.client.reply(call), "done")

    def test_cancel_and_deadline_reach_it_and_the_slot_stays(self):
        counter = self.create()
        call = self.client.start(counter, "get")
        msgid, _ = self.provider.next("soho.call")
        self.client.notify("soho.cancel", call)
        self.assertEqual(self.client.outcome(call).kind, "cancelled")
        self.assertEqual(self.provider.next("soho.cancel"), (None, [msgid]))
        self.assertEqual(self.host.stats("calls_in_flight"), {"calls_in_flight": 1})
        self.provider.answer(msgid, "late")
        eventually(lambda: self.host.stats("calls_in_flight") == {"calls_in_flight": 0})
        call = self.client.start(counter, "get", timeout_ms=20)
        msgid, _ = self.provider.next("soho.call")
        self.assertEqual(self.client.outcome(call).kind, "deadline")
        self.assertEqual(self.provider.next("soho.cancel"), (None, [msgid]))
        self.provider.answer(msgid, error="cancelled: it was")
        eventually(lambda: self.host.stats("calls_in_flight") == {"calls_in_flight": 0})

    def test_a_client_that_goes_in_every_state(self):
        for state in ("creating", "made", "calling", "called"):
            with self.subTest(state):
                client = Client(self.host.address, client=state)
                created = client.request("soho.create", "Counter", [])
                msgid, _ = self.provider.next("soho.create")
                if state == "creating":
                    client.close()
                    self.assertEqual(self.provider.next("soho.cancel"), (None, [msgid]))
                    self.provider.answer(msgid, own_handle(9, "Counter"))
                else:
                    self.provider.answer(msgid, own_handle(9, "Counter"))
                    counter = client.reply(created)
                    if state in ("calling", "called"):
                        call = client.start(counter, "get")
                        msgid, _ = self.provider.next("soho.call")
                    if state == "called":
                        self.provider.answer(msgid, 1)
                        client.reply(call)
                    client.close()
                    if state == "calling":
                        self.assertEqual(self.provider.next("soho.cancel"), (None, [msgid]))
                        self.provider.answer(msgid, 1)
                self.assertEqual(self.provider.next("soho.release"), (None, [[9, 1]]))
        self.provider.close()
        self.client.close()
        self.host.back_at(self.gauges)

    def test_a_provider_that_goes_in_every_state(self):
        counter = self.create()
        pair = self.client.create("Pair", 1, 2)
        self.client.do("soho.publish", counter, "mine")
        calls = [self.client.start(counter, "swallow", pair), self.client.request("soho.create", "Counter", [])]
        self.provider.next("soho.call"), self.provider.next("soho.create")
        self.provider.close()
        for call in calls:
            refused = self.client.outcome(call)
            self.assertEqual(refused.kind, "unavailable")
            self.assertRegex(refused.text, r"^provider counters \(session \d+, uid:\d+\) has gone: (swallow|Counter) may have run$")
        with self.assertRaisesRegex(Refused, "^unavailable: provider counters .* has gone, and this object with it: get was not started"):
            self.client.call(counter, "get")
        with self.assertRaisesRegex(Refused, "^no_type: "):
            self.client.create("Counter")
        # Another comes with the same, and new objects are its; the old one's stay what they are.
        self.provider = self.enterContext(Provider(self.host, COUNTER))
        other = self.create(7)
        self.assertNotEqual(id_of(other), id_of(counter))
        call = self.client.start(other, "get")
        self.provider.answer(self.provider.next("soho.call")[0], "new")
        self.assertEqual(self.client.reply(call), "new")
        with self.assertRaisesRegex(Refused, "^unavailable"):
            self.client.call(counter, "get")
        self.client.do("soho.publish", other, "mine")  # the name of what is lost
        self.client.do("soho.unpublish", "mine")
        self.client.close()
        self.assertEqual(self.provider.next("soho.release"), (None, [[7, 1]]))
        self.provider.close()
        self.host.back_at(self.gauges)

    def test_one_that_stops_is_told_of_deadlines_and_does_not_hold_up_others(self):
        counter = self.create()
        large = "x" * 1_000_000
        calls, refused = [], None
        while refused is None:  # it reads nothing
            calls.append(self.client.request("soho.call", counter, "swallow", [large]))
            self.client.do("soho.ping")
            refused = next((self.client.outcome(call) for call in calls if call in self.client.replies), None)
            self.assertLess(len(calls), 64)
        self.assertEqual(refused.kind, "overloaded")
        self.assertIn("does not keep up: swallow was not started", refused.text)
        self.assertEqual(self.client.do("pair.get_x"), 5)

    def test_wrong_offers_are_refused_with_a_sentence(self):
        method = {"args": []}
        wrong = {"an offer is {name, version?, types}": 5,
                 "an offer needs a name and types": {"name": "x"},
                 "no key \"typs\"": {"name": "x", "typs": []},
                 "\"types\" must be an array": {"name": "x", "types": {}},
                 "a type's description must be a map": {"name": "x", "types": [1]},
                 "type \"\":": {"name": "x", "types": [{}]},
                 "\"doc\" must be a string, not int": {"name": "x", "types": [{"type": "A", "doc": 1}]},
                 "\"version\" must be": {"name": "x", "types": [{"type": "A", "version": 1}]},
                 "the keys of \"methods\" must be strings": {"name": "x", "types": [{"type": "A", "methods": {1: method}}]},
                 "method \"a b\" of type A": {"name": "x", "types": [{"type": "A", "methods": {"a b": method}}]},
                 "exposes \"g\"": {"name": "x", "types": [{"type": "A", "methods": {"f": method}, "exposed": ["g"]}]},
                 "to typeid \"B\"": {"name": "x", "types": [{"type": "A", "methods": {"f": {"returns_typeid": "B"}}}]},
                 "no kind of parameter is called \"more\"": {"name": "x", "types": [{"type": "A", "args": [{"kind": "more"}]}]},
                 "offered twice": {"name": "x", "types": [{"type": "A"}, {"type": "A"}]},
                 "the provider's name \"a b\"": {"name": "a b", "types": []},
                 "named \"pair\" is there already": {"name": "pair", "types": []},
                 "typeid \"Counter\" is taken by plugin counters (session": {"name": "x", "types": [{"type": "Counter"}]}}
        with Client(self.host.address, handles="ext", errors="full") as other:
            for sentence, offer in wrong.items():
                with self.subTest(sentence):
                    refused = other.outcome(other.request("soho.offer", offer))
                    self.assertIn(sentence, refused.text)
            other.do("soho.offer", {"name": "fine", "types": []})
            with self.assertRaisesRegex(Refused, "exists: this connection has offered fine already"):
                other.do("soho.offer", {"name": "more", "types": []})
        with self.assertRaisesRegex(Refused, "bad_arguments: .*handles \"ext\""):
            self.client.do("soho.offer", {"name": "fine", "types": []})
        with self.assertRaisesRegex(Refused, "no_object: this connection has offered nothing"):
            self.client.do("soho.withdraw")

    def test_wrong_replies_end_it_or_are_its_defect(self):
        counter = self.create()
        for method, result, sentence in (("copy", 5, "a handle of the provider's own is due"), ("get", own_handle(9, "Pair"), "which it does not offer"),
                                         ("get", msgpack.ExtType(OWN, b"\x01"), "extension 0x5b is not what PROTOCOL.md says"),
                                         ("get", ext_handle(5, "Pair"), "a handle #5 of no living object")):
            call = self.client.start(counter, method)
            self.provider.answer(self.provider.next("soho.call")[0], result)
            refused = self.client.outcome(call)
            self.assertEqual(refused.kind, "internal", refused)
            self.assertIn(sentence, refused.text)
        self.provider.answer(12345, 1)
        self.provider.closed()
        with self.assertRaisesRegex(Refused, "^unavailable"):
            self.client.call(counter, "get")

    def test_withdrawn_types_are_not_made_any_more_and_objects_stay(self):
        counter = self.create()
        self.provider.do("soho.withdraw")
        with self.assertRaisesRegex(Refused, "^no_type"):
            self.client.create("Counter")
        call = self.client.start(counter, "get")
        self.provider.answer(self.provider.next("soho.call")[0], "still there")
        self.assertEqual(self.client.reply(call), "still there")

    def test_the_same_offer_again_and_again_keeps_nothing(self):
        self.provider.close()
        eventually(lambda: "Counter" not in {each["type"] for each in self.client.do("soho.types")})
        for _ in range(50):
            with Provider(self.host, COUNTER) as provider:
                created = self.client.request("soho.create", "Counter", [])
                provider.answer(provider.next("soho.create")[0], own_handle(1, "Counter"))
                self.client.release(self.client.reply(created))
            eventually(lambda: "Counter" not in {each["type"] for each in self.client.do("soho.types")})
        self.client.close()
        self.host.back_at(self.gauges)

    def test_the_host_ends_around_it(self):
        counter = self.create()
        self.client.start(counter, "get")
        self.provider.next("soho.call")
        self.host.process.send_signal(signal.SIGTERM)
        self.host.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.host.ended(), 0)


class Rights(unittest.TestCase):
    def test_offering_takes_the_right_to(self):
        host = hosted(self, PAIR, listen="tcp:127.0.0.1:0", args=["--insecure-no-login"],
                      config='[[access]]\nwho = "anonymous"\ntypes = ["My.*"]\nrights = ["provide"]\n')
        with Client(host.address, handles="ext", errors="full") as client:
            with self.assertRaisesRegex(Refused, "^denied: anonymous may not provide a Counter"):
                client.do("soho.offer", {"name": "x", "types": [{"type": "Counter"}]})
            client.do("soho.offer", {"name": "x", "types": [{"type": "My.Counter"}]})

    def test_names_that_one_client_makes_up_are_no_others_matter(self):
        host = hosted(self, args=["--listen", "tcp:127.0.0.1:0", "--insecure-no-login"],
                      config='[[access]]\nwho = "anonymous"\ntypes = ["Any"]\nrights = ["create", "call"]\n')
        unix, tcp = host.addresses()
        with Provider(host, described("Any", open=True), name="any") as provider, Client(tcp, errors="full") as stranger, \
                Client(unix, errors="full") as client:
            things = []
            for caller in (stranger, client):
                created = caller.request("soho.create", "Any", [])
                provider.answer(provider.next("soho.create")[0], own_handle(3, "Any"))
                things.append(caller.reply(created))
            calls = [stranger.start(things[0], f"made_up_{i}") for i in range(1001)]
            self.assertEqual(stranger.outcome(calls[-1]).kind, "limit")
            for _ in calls[:-1]:
                provider.answer(provider.next("soho.call")[0], error=[3, "no such method", {"kind": "no_method"}])
            self.assertEqual({stranger.outcome(call).kind for call in calls[:-1]}, {"no_method"})
            call = client.start(things[1], "real")
            provider.answer(provider.next("soho.call")[0], 5)
            self.assertEqual(client.reply(call), 5)

    def test_what_one_principal_has_the_host_keep_is_bounded(self):
        host = hosted(self)

        def offer(number):
            with Client(host.address, handles="ext", errors="full") as client:
                client.do("soho.offer", {"name": f"p{number}", "types": [{"type": f"T{number}"}]})
                client.do("soho.withdraw")

        for number in range(2000):
            offer(number)
        with self.assertRaisesRegex(Refused, r"^limit: soho.offer: uid:\d+ has made 2000 different offers to this host"):
            offer(2000)
        offer(7)  # as before


if __name__ == "__main__":
    unittest.main()
