"""Every type of argument and result, both ways, through a real host; errors by name; handles and what looks like one."""
import math
import pathlib
import sys
import unittest

import msgpack

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from soho_e2e import (  # noqa: E402
    BUNDLED, Client, Host, Refused, ext_handle, id_of, needs_the_host_itself, pack, plugin, type_of)


class Values(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = Host(plugin("kinds"), plugin("objects"), plugin("pure_c"), BUNDLED / "pair.so",
                        config='[plugin.kinds.settings]\nname = "values"\nlist = [1, 2.5, true]\n', args=["--strict"])

    @classmethod
    def tearDownClass(cls):
        cls.host.stop()

    hello = {}

    def setUp(self):
        self.client = Client(self.host.address, **self.hello)
        self.addCleanup(self.client.close)
        self.kinds = self.client.create("Kinds")

    def call(self, method, *args, **options):
        return self.client.call(self.kinds, method, *args, **options)

    def refused(self, pattern, method, *args, **options):
        with self.assertRaisesRegex(Refused, pattern) as refused:
            self.call(method, *args, **options)
        return refused.exception

    def echoes(self, method, *values):
        for value in values:
            with self.subTest(method=method, value=value):
                got = self.call(method, value)
                self.assertEqual(got, value)
                self.assertIs(type(got), type(value))

    def pass_and_release(self, count):
        """That many handles in one call and its reply: of one object, and of a thousand."""
        account = self.client.create("Account")
        kinds = [self.kinds] + [self.client.create("Kinds") for _ in range(999)]
        for some in ([account], kinds):
            each_count = count // len(some)
            handles = some * each_count
            self.assertEqual(self.call("echo_value", handles), handles)
            self.client.do("soho.release", *([id_of(handle), 1] for handle in handles[:300_000]))
            self.client.do("soho.release", *([id_of(each), each_count] for each in some[1:]))
        self.assertEqual(self.client.call(account, "get"), 0)


class Scalars(Values):
    def test_bool(self):
        self.echoes("echo_bool", True, False)
        for wrong in (0, 1, "true", None):
            self.refused("^bad_arguments: .*echo_bool.*value.*bool", "echo_bool", wrong)

    def test_integers_up_to_their_limits_and_no_further(self):
        for bits in (8, 16, 32, 64):
            low, high = -(1 << bits - 1), (1 << bits - 1) - 1
            self.echoes(f"echo_int{bits}", low, -33, -32, -1, 0, 1, 127, high)
            self.echoes(f"echo_uint{bits}", 0, 1, 127, 128, 255, (1 << bits) - 1)
            for wrong in (low - 1, high + 1):
                if -(1 << 63) <= wrong < 1 << 64:
                    self.refused(f"^bad_arguments: .*echo_int{bits}.*{wrong}", f"echo_int{bits}", wrong)
            for wrong in (-1, 1 << bits):
                if wrong < 1 << 64:
                    self.refused(f"^bad_arguments: .*echo_uint{bits}.*{wrong}", f"echo_uint{bits}", wrong)
            for wrong in ("1", 1.5, None, [], b"1"):
                self.refused(f"^bad_arguments: .*echo_int{bits}.*value", f"echo_int{bits}", wrong)

    def test_floats(self):
        self.echoes("echo_float64", 0.0, -1.5, 1e308, 5e-324, math.inf, -math.inf)
        self.echoes("echo_float32", 0.0, -1.5, math.inf)
        self.assertTrue(math.isnan(self.call("echo_float64", math.nan)))
        self.assertEqual(math.copysign(1, self.call("echo_float64", -0.0)), -1)
        self.assertEqual(self.call("echo_float64", 3), 3.0)
        self.refused("^bad_arguments: .*echo_float64", "echo_float64", "1.5")

    def test_text(self):
        for method in ("echo_str", "echo_view"):
            self.echoes(method, "", "a", "grüß dich, 世界 🙂", "x" * 31, "x" * 32, "x" * 256, "x" * 70000, "a\0b")
            for wrong in (1, None, ["a"]):
                self.refused(f"^bad_arguments: .*{method}.*value", method, wrong)

    def test_bytes(self):
        for method in ("echo_bytes", "echo_span"):
            self.echoes(method, b"", b"\0\xff", bytes(range(256)), b"x" * 70000)
            self.refused(f"^bad_arguments: .*{method}.*value", method, 1)

    def test_optional(self):
        self.echoes("echo_optional", None, 0, -5)
        self.refused("^bad_arguments: .*echo_optional", "echo_optional", "5")

    def test_variant_takes_what_fits(self):
        self.echoes("echo_variant", None, 5, "five")
        self.refused("^bad_arguments: .*echo_variant", "echo_variant", 1.5)

    def test_duration(self):
        self.assertEqual(self.call("echo_duration", 1.5), 1.5)  # seconds
        self.assertEqual(self.call("echo_duration", 2), 2)

    def test_nothing_is_nil(self):
        self.assertIsNone(self.call("nothing"))


class Containers(Values):
    def test_lists_and_arrays(self):
        self.echoes("echo_list", [], [1, -2, 3], list(range(20)), list(range(70000)))
        self.echoes("echo_array", [1, 2, 3])
        for wrong in ([1, 2], [1, 2, 3, 4]):
            self.refused("^bad_arguments: .*echo_array.*3", "echo_array", wrong)
        self.refused("^bad_arguments: .*echo_list", "echo_list", [1, "two"])
        self.refused("^bad_arguments: .*echo_list", "echo_list", {"0": 1})

    def test_maps_sets_and_tuples(self):
        self.echoes("echo_map", {}, {"a": 1, "b": -2})
        self.assertEqual(sorted(self.call("echo_set", [3, 1, 2])), [1, 2, 3])
        self.echoes("echo_tuple", [1, "a", True])
        self.refused("^bad_arguments: .*echo_tuple", "echo_tuple", [1, "a"])
        self.refused("^bad_arguments: .*echo_map", "echo_map", {"a": "b"})

    def test_structs(self):
        self.assertEqual(self.call("echo_struct", {"x": 1, "y": -2}), {"x": 1, "y": -2})
        self.assertEqual(self.call("echo_structs", [{"x": 1, "y": 2}]), [{"x": 1, "y": 2}])
        self.refused("^bad_arguments: .*echo_struct", "echo_struct", {"x": "one", "y": 2})
        self.refused("^bad_arguments: .*echo_struct", "echo_struct", 5)

    def test_enums_travel_as_numbers(self):
        self.echoes("echo_enum", 0, 2)
        self.refused("^bad_arguments: .*echo_enum", "echo_enum", 256)

    def test_any_value(self):
        deep = 1
        for _ in range(55):
            deep = [deep]
        self.echoes("echo_value", None, True, -1, 2**63, 2**64 - 1, -2**63, 1.5, "text", b"bytes", [], {}, deep,
                    {"a": [1, {"b": None}], "c": b"\0"}, {1: "int key", None: 2}, msgpack.ExtType(5, b"foreign"),
                    msgpack.Timestamp(5, 7))

    def test_values_nested_deeper_than_the_frame_may_be_close_the_connection(self):
        deep = 1
        for _ in range(70):
            deep = [deep]
        self.refused("^limit: .*depth", "echo_value", deep)
        self.client.closed()


class Arguments(Values):
    def test_keywords_and_defaults(self):
        self.assertEqual(self.call("point", 1), [1, 7, "none"])
        self.assertEqual(self.call("point", 1, 2), [1, 2, "none"])
        self.assertEqual(self.call("point", 1, kw={"label": "a"}), [1, 7, "a"])
        self.assertEqual(self.call("point", kw={"y": 2, "x": 1}), [1, 2, "none"])

    def test_wrong_numbers_of_them(self):
        self.refused("^bad_arguments: .*point.*x", "point")
        self.refused("^bad_arguments: .*point.*4", "point", 1, 2, "a", 4)
        self.refused("^bad_arguments: .*nothing", "nothing", 1)

    def test_wrong_keywords(self):
        self.refused("^bad_arguments: .*point.*z", "point", 1, kw={"z": 1})
        self.refused("^bad_arguments: .*point.*x", "point", 1, kw={"x": 1})
        self.refused("^bad_arguments: .*point.*x", "point", kw={"y": 1})
        self.refused("^bad_arguments", "positional_only", kw={"x": 1})
        with self.assertRaisesRegex(Refused, "^bad_arguments"):
            self.client.do("soho.call", self.kinds, "point", [1], {"kw": {1: 2}})
        self.assertEqual(self.call("positional_only", 4), 4)

    def test_a_keyword_given_twice(self):
        twice = b"\x81\xa2kw\x82\xa1x\x01\xa1x\x02"
        msgid, frame = self.client.frame("soho.call", self.kinds, "point", [])
        start = frame[:-len(pack([self.kinds, "point", []]))]
        self.client.raw(start + b"\x94" + pack(self.kinds) + pack("point") + b"\x90" + twice)
        with self.assertRaisesRegex(Refused, "^bad_arguments: .*x"):
            self.client.reply(msgid)

    def test_variadic(self):
        self.assertEqual(self.call("variadic", 1, "two", [3], kw={"four": 4}),
                         {"first": 1, "args": ["two", [3]], "kwargs": {"four": 4}})
        self.assertEqual(self.call("variadic", 1), {"first": 1, "args": [], "kwargs": {}})
        self.assertEqual(self.call("variadic", kw={"first": 1, "x": 2}), {"first": 1, "args": [], "kwargs": {"x": 2}})
        self.refused("^bad_arguments: .*variadic.*first", "variadic")

    def test_arguments_that_are_no_array(self):
        for wrong in (1, "x", {"x": 1}):
            with self.assertRaisesRegex(Refused, "^bad_arguments: "):
                self.client.do("soho.call", self.kinds, "point", wrong)
        self.assertIsNone(self.client.do("soho.call", self.kinds, "nothing", None))
        self.assertIsNone(self.client.do("soho.call", self.kinds, "nothing"))

    def test_unknown_and_malformed_options(self):
        for options in ({"timeout": 5}, {"timeout_ms": 0}, {"timeout_ms": -1}, {"timeout_ms": "5"}, {"kw": []},
                        {"owner": 1}, {"trace": 1}, {1: 2}, {"name": "x"}, "kw"):
            with self.assertRaisesRegex(Refused, "^bad_arguments: .*soho.call"):
                self.client.do("soho.call", self.kinds, "nothing", [], options)
        self.assertIsNone(self.client.do("soho.call", self.kinds, "nothing", [], None))
        self.refused('^bad_arguments: .*"timeout_ms"', "nothing", timeoutms=1)

    @needs_the_host_itself("a worker's objects have ids of their own")
    def test_a_method_learns_of_its_caller(self):
        who = self.call("who", owner="thread 7", trace="t-1", timeout_ms=60000)
        me = self.client.do("soho.whoami")
        self.assertEqual(who, {"object": id_of(self.kinds), "session": me["session"], "origin_session": me["session"],
                               "owner": "thread 7", "principal": me["principal"], "trace": "t-1", "has_deadline": True,
                               "oneway": False, "chain": who["chain"]})

    def test_a_method_learns_whether_anybody_waits_for_it(self):
        self.client.notify("soho.call", self.kinds, "note_oneway")
        self.call("note_oneway")
        self.client.do("soho.publish", self.kinds, "noting")
        self.addCleanup(self.client.do, "soho.unpublish", "noting")
        self.client.notify("noting.note_oneway")
        self.client.do("noting.note_oneway")
        self.assertEqual(self.call("were_oneway"), [True, False, True, False])

    def test_settings_come_from_the_config(self):
        self.assertEqual(self.call("settings"), {"name": "values", "list": [1, 2.5, True]})

    def test_a_notification_is_never_answered(self):
        for _ in range(3):
            self.client.notify("soho.call", self.kinds, "increment")
        self.client.notify("soho.call", self.kinds, "raise", ["KeyError", "nobody hears"])
        self.client.notify("soho.create", "Kinds")
        self.client.notify("no.such.thing")
        before = self.call("calls")
        self.assertEqual(before, 3)
        self.assertEqual(self.client.replies, {})

    def test_large_results(self):
        for size in (1, 70000, 5_000_000):
            self.assertEqual(len(self.call("long_text", size)), size)
        self.refused("^(internal|limit|failed): ", "long_text", 17 << 20)
        self.assertIsNone(self.call("nothing"))

    def test_a_plugin_in_pure_c(self):
        counter = self.client.create("CCounter", 40)
        self.assertEqual(self.client.call(counter, "add", 2), 42)
        self.assertEqual(self.client.call(counter, "add", kw={"n": -2}), 40)
        self.assertEqual(self.client.call(counter, "add"), 41)
        with self.assertRaisesRegex(Refused, "^failed: TypeError"):
            self.client.call(counter, "add", "one")
        self.assertEqual(self.client.call(counter, "get"), 41)


class Errors(Values):
    def test_exceptions_by_name(self):
        for method, name in (("raise_out_of_range", "IndexError"), ("raise_invalid_argument", "ValueError"),
                             ("raise_overflow", "OverflowError"), ("raise_bad_alloc", "MemoryError")):
            refused = self.refused("^failed: ", method)
            self.assertEqual(refused.type, name, refused)
        for method in ("raise_runtime", "raise_logic", "raise_own", "raise_bad_cast", "raise_bad_optional", "raise_file",
                       "raise_int", "raise_text"):
            self.assertTrue(self.refused("^failed: ", method).type.replace("::", "").isidentifier(), method)
        self.assertIsNone(self.call("nothing"))

    def test_errors_of_the_plugins_own(self):
        refused = self.refused("^failed: KeyError: no such key: x", "raise", "KeyError", "no such key: x")
        self.assertEqual((refused.type, refused.text), ("KeyError", "no such key: x"))

    def test_in_full_they_carry_code_kind_type_data_and_trace(self):
        client = self.host.client(errors="full")
        kinds = client.create("Kinds")
        msgid = client.start(kinds, "raise", "KeyError", "gone", {"key": [1, 2]}, trace="t9")
        refused = client.outcome(msgid)
        self.assertEqual((refused.code, refused.kind, refused.type, refused.text, refused.data, refused.trace),
                         (16, "failed", "KeyError", "gone", {"key": [1, 2]}, "t9"))
        refused = client.outcome(client.start(kinds, "no_such"))
        self.assertEqual((refused.code, refused.kind, refused.type), (3, "no_method", None))
        refused = client.outcome(client.start(12345, "x"))
        self.assertEqual((refused.code, refused.kind), (2, "no_object"))

    def test_a_plugin_may_give_a_code_of_the_hosts(self):
        self.refused("^unavailable: the disk is away", "raise_code", 11, "the disk is away")


class MapHandles(Values):
    def test_a_handle_is_a_map_and_its_id_or_itself_a_target(self):
        self.assertEqual(set(self.kinds), {"$soho", "type"})
        self.assertEqual(self.client.call(self.kinds["$soho"], "calls"), 0)

    def test_handles_in_arguments_and_results_mean_the_object(self):
        account = self.client.create("Account", 5)
        self.assertEqual(self.call("echo_ref", account), account)
        self.assertEqual(self.call("echo_refs", [account, self.kinds]), [account, self.kinds])
        self.assertEqual(self.call("echo_value", {"deep": [account]}), {"deep": [account]})
        bank = self.client.create("Bank")
        self.assertEqual(self.client.call(bank, "look", account), 5)
        self.assertEqual(self.client.call(bank, "look", kw={"account": account}), 5)

    def test_each_handle_given_out_counts_one(self):
        account = self.client.create("Account", 5)
        self.call("echo_refs", [account, account])
        self.client.release(account, 2)
        self.assertEqual(self.client.call(account, "get"), 5)
        self.client.release(account)
        with self.assertRaisesRegex(Refused, "^no_object"):
            self.client.call(account, "get")

    def test_hundreds_of_thousands_in_one_call(self):
        self.pass_and_release(200_000)  # five items each

    def test_a_handle_that_is_wrong_is_refused_before_the_plugin_sees_it(self):
        account = self.client.create("Account", 5)
        for wrong in ({"$soho": account["$soho"] + 100000, "type": "Account"}, {"$soho": account["$soho"], "type": "Kinds"},
                      {"$soho": 0, "type": "Account"}, {"$soho": 2**53 - 1, "type": "Account"}):
            self.refused("^no_object: ", "echo_ref", wrong)
            self.refused("^no_object: ", "echo_value", [{"a": wrong}])
            with self.assertRaisesRegex(Refused, "^no_object"):
                self.client.call(wrong, "get")
        self.assertEqual(self.call("calls"), 0)

    def test_an_object_of_the_wrong_class_is_refused(self):
        bank = self.client.create("Bank")
        for wrong in (self.kinds, self.client.create("List"), 5, None, "pair"):
            with self.assertRaisesRegex(Refused, "^bad_arguments: .*look.*account"):
                self.client.call(bank, "look", wrong)

    def test_data_that_looks_like_a_handle_is_escaped(self):
        # On the way in one $ is taken away, on the way out one is added: as the client sees it, data comes back as it was.
        for data in ({"$$soho": 5, "type": "Account"}, {"$$soho": 1}, {"$$$soho": None}, {"a": {"$$soho": "x"}},
                     [{"$$soho": 1, "type": "x", "z": 1}]):
            self.assertEqual(self.call("echo_value", data), data)
        # What the plugin saw:
        self.assertIn('"$soho"', self.call("text_of", {"$$soho": 1}))
        self.assertNotIn("$$", self.call("text_of", {"$$soho": 1}))
        # A map with other keys is no handle, whatever its first key.
        for data in ({"$soho": "x", "type": 1}, {"type": "Kinds", "$soho": 5}, {"$soho": 1}, {"$soho": 1, "type": "x", "z": 1}):
            self.assertIn("$soho", self.call("text_of", data))
        self.assertEqual(self.call("echo_value", {"type": "Kinds", "$soho": 5}), {"type": "Kinds", "$soho": 5})

    def test_what_an_ext_client_stored_as_data_reaches_a_map_client_escaped(self):
        node = self.client.create("Node")
        ext = self.host.client(handles="ext")
        plain = {"$soho": 5, "type": "Account"}
        ext.call(node["$soho"], "keep", plain)
        self.assertEqual(ext.call(node["$soho"], "kept"), plain)
        self.assertEqual(self.client.call(node, "kept"), {"$$soho": 5, "type": "Account"})
        self.client.call(node, "keep", {"$$$soho": 5})
        self.assertEqual(ext.call(node["$soho"], "kept"), {"$$soho": 5})

    def test_extensions_of_ours_are_turned_into_plain_values(self):
        node = self.client.create("Node")
        ext = self.host.client(handles="ext")
        account = ext.create("Account")
        for code, body, plain in ((0x54, pack([1, "a"]), [1, "a"]), (0x55, pack([1, 2]), [1, 2]), (0x56, b"-123", "-123"),
                                  (0x57, b"2026-01-01T00:00:00", "2026-01-01T00:00:00"),
                                  (0x58, pack([1, None, 2]), {"start": 1, "stop": None, "step": 2}),
                                  (0x59, pack([1, 5, 2]), {"start": 1, "stop": 5, "step": 2}),
                                  (0x5A, pack(["python", b"pickle"]), {"language": "python", "bytes": b"pickle"})):
            value = msgpack.ExtType(code, body)
            ext.call(node["$soho"], "keep", [value])
            self.assertEqual(ext.call(node["$soho"], "kept"), [value])
            self.assertEqual(self.client.call(node, "kept"), [plain])

    def test_a_forged_ext_handle_is_no_way_around_the_check(self):
        self.refused("^(no_object|bad_arguments)", "echo_ref", ext_handle(self.kinds["$soho"] + 100000, "Kinds"))
        self.refused("^(no_object|bad_arguments)", "echo_value", [ext_handle(self.kinds["$soho"], "Account")])
        self.assertEqual(self.call("calls"), 0)


class ExtHandles(Values):
    hello = {"handles": "ext", "errors": "full"}

    def test_a_handle_is_an_extension(self):
        self.assertEqual((self.kinds.code, type_of(self.kinds)), (0x53, "Kinds"))
        self.assertEqual(self.call("calls"), 0)
        self.assertEqual(self.client.call(id_of(self.kinds), "calls"), 0)

    def test_handles_in_arguments_and_results_mean_the_object(self):
        account = self.client.create("Account", 5)
        self.assertEqual(self.call("echo_ref", account), account)
        self.assertEqual(self.call("echo_value", {"deep": [account]}), {"deep": [account]})
        bank = self.client.create("Bank")
        self.assertEqual(self.client.call(bank, "sum", [account, account]), 10)

    def test_handles_within_tuples_and_sets_count_too(self):
        account = self.client.create("Account", 5)
        tuple_ = msgpack.ExtType(0x54, pack([account, 1]))
        self.assertEqual(self.call("echo_value", tuple_), tuple_)
        self.client.release(account)  # of two
        self.assertEqual(self.client.call(account, "get"), 5)

    def test_hundreds_of_thousands_in_one_call(self):
        self.pass_and_release(409_000)

    def test_maps_are_always_data(self):
        for data in ({"$soho": id_of(self.kinds), "type": "Kinds"}, {"$$soho": 1}, {"$soho": 1}):
            self.assertEqual(self.call("echo_value", data), data)
        self.refused("^bad_arguments", "echo_ref", {"$soho": id_of(self.kinds), "type": "Kinds"})

    def test_malformed_handles(self):
        for body in (b"", b"\xc1", b"\x92", pack([1]), pack(["x", 1]), pack([1, "a", 2]), pack([1, "a"]) + b"\0", b"\xdd\xff\xff\xff\xff"):
            wrong = msgpack.ExtType(0x53, body)
            self.refused("^(bad_arguments|no_object|protocol): ", "echo_value", wrong)
            self.refused("^(bad_arguments|no_object|protocol): ", "echo_value", msgpack.ExtType(0x54, pack([wrong])))
        self.assertEqual(self.call("calls"), 0)

    def test_bombs_inside_extensions(self):
        body = pack([1])
        for _ in range(2000):
            body = pack([msgpack.ExtType(0x54, body)])
        self.refused("^(limit|bad_arguments|protocol): ", "echo_value", msgpack.ExtType(0x54, body))
        self.refused("^(limit|bad_arguments|protocol): ", "echo_value", msgpack.ExtType(0x55, b"\x91" * 5000 + b"\x01"))
        self.assertEqual(self.call("calls"), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
