"""The six parameters of a registration and their edges: real plugins, a real host, a real socket."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from soho_e2e import BAD, PAIR, Host, Refused, eventually, hosted, needs_the_host_itself, plugin


class Parameters(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = Host(plugin("objects"), plugin("everything_empty"), plugin("reply"), PAIR, args=["--strict"])

    @classmethod
    def tearDownClass(cls):
        cls.host.stop()

    def setUp(self):
        self.client = self.host.client()
        self.addCleanup(self.client.close)

    def refused(self, pattern, function, *args, **options):
        with self.assertRaisesRegex(Refused, pattern) as refused:
            function(*args, **options)
        return refused.exception


class Typeid(Parameters):
    def test_an_unknown_typeid_is_refused_and_the_nearest_suggested(self):
        self.assertIn('"Account"', self.refused("^no_type: .*Acount", self.client.create, "Acount").text)
        self.refused("^no_type: .*Acount.*Account", self.client.do, "soho.types", "Acount")

    def test_a_duplicate_within_a_plugin_refuses_all_of_it(self):
        host = hosted(self, BAD / "duplicate_types.so", PAIR)
        self.refused("^no_type", host.client().create, "Twice")
        self.assertRegex(host.admin.do("soho.health")["refused_plugins"][0]["reason"], '"Twice" is registered twice')

    def test_a_typeid_that_is_taken_refuses_the_later_plugin_whole(self):
        # Both have a type Kinds; whichever comes later on the command line loses.
        for first, second, kept in ((plugin("kinds"), BAD / "taken_typeid.so", "kinds"),
                                    (BAD / "taken_typeid.so", plugin("kinds"), "taken_typeid")):
            host = hosted(self, first, second)
            self.assertEqual(host.client().do("soho.types", "Kinds")["plugin"], kept)
            refused = host.admin.do("soho.health")["refused_plugins"]
            self.assertEqual([entry["file"] for entry in refused], [str(second)])
            self.assertRegex(refused[0]["reason"], rf"Kinds.*{kept}")


class Callable(Parameters):
    def test_its_arguments_have_defaults_and_keywords(self):
        for args, options, balance in (([], {}, 0), ([12], {}, 12), ([], {"kw": {"balance": 13}}, 13)):
            account = self.client.create("Account", *args, **options)
            self.assertEqual(self.client.call(account, "get"), balance)
        self.refused("^bad_arguments: .*Account.*2", self.client.create, "Account", 1, 2)
        self.refused("^bad_arguments: .*Account.*balance", self.client.create, "Account", "much")
        self.refused("^bad_arguments: .*Account.*sum", self.client.create, "Account", kw={"sum": 1})
        self.refused("^bad_arguments: .*Account.*balance", self.client.create, "Account", 1, kw={"balance": 1})

    def test_one_that_throws_leaves_nothing_behind(self):
        before = self.host.at_rest(1)
        refused = self.refused("^failed: Refused: not today", self.client.create, "Refusing", "not today")
        self.assertEqual(refused.type, "Refused")
        self.refused("^failed: Refused: named", self.client.create, "Refusing", "named", name="refusing")
        self.refused("^no_object: .*refusing", self.client.do, "soho.open", "refusing")
        self.host.back_at({**before, "sessions": before["sessions"] + 1})

    def test_one_that_gives_a_null_pointer_fails(self):
        self.refused("^(failed|internal): ", self.client.create, "Null")

    def test_the_same_shared_pointer_is_the_same_object(self):
        other = self.host.client()
        first, second = self.client.create("shared_number"), other.create("shared_number")
        self.assertEqual(first, second)
        self.client.call(first, "set", 8)
        self.assertEqual(other.call(second, "get"), 8)
        self.client.call(first, "set", 5)

    def test_a_new_object_for_each_create_otherwise(self):
        self.assertNotEqual(self.client.create("new_number"), self.client.create("new_number"))

    @needs_the_host_itself("a worker lets go of it a moment later")
    def test_each_create_counts_one_reference(self):
        references = lambda: self.host.stats("references")["references"]
        eventually(lambda: references() == 0, "that those of earlier tests are gone")
        number = [self.client.create("while_held") for _ in range(3)][0]
        self.assertEqual(references(), 3)
        self.client.call(number, "set", 1)
        self.client.release(number, 2)
        self.assertEqual(self.client.call(number, "get"), 1)
        self.client.release(number)
        self.refused("^no_object", self.client.call, number, "get")
        # Its shared_ptr has gone as well, so the next is another one, under a new id.
        again = self.client.create("while_held")
        self.assertNotEqual(again["$soho"], number["$soho"])
        self.assertEqual(self.client.call(again, "get"), 0)

    def test_a_reply_may_come_late(self):
        mailbox = self.client.create("LateMailbox", 5)
        self.client.call(mailbox, "put", 3)
        self.assertEqual(self.client.call(mailbox, "get"), 3)

    def test_a_slow_one_does_not_hold_up_others(self):
        slow, first = self.client.frame("soho.create", "SlowCreate", [1000])
        other, second = self.client.frame("soho.create", "Account", [])
        self.client.raw(first + second)  # no time goes by between them
        self.client.reply(other)  # answered first: FIFO is per object
        self.assertNotIn(slow, self.client.replies)
        self.assertEqual(self.client.reply(slow)["type"], "SlowCreate")


class Proxytype(Parameters):
    def test_is_told_to_clients(self):
        describe = lambda type_id: self.client.do("soho.types", type_id)
        self.assertEqual(describe("List")["proxytype"], "ListProxy")
        self.assertEqual(describe("NarrowList")["proxytype"], "ListProxy")
        self.assertEqual(describe("Account")["proxytype"], "AutoProxy")

    def test_its_exposed_list_is_the_default(self):
        exposed = set(self.client.do("soho.types", "List")["methods"])
        self.assertEqual(exposed, {"append", "size", "iterate", "copy", "first_number", "length"})

    def test_exposed_wins_over_it(self):
        narrow = self.client.create("NarrowList")
        self.assertEqual(self.client.call(narrow, "size"), 0)
        self.refused("^no_method: .*NarrowList.*append.*size", self.client.call, narrow, "append", 1)


class Exposed(Parameters):
    def test_an_empty_list_means_none(self):
        closed = self.client.create("Closed")
        self.refused("^no_method: .*Closed.*get", self.client.call, closed, "get")
        self.assertEqual(self.client.do("soho.types", "Closed")["methods"], {})

    def test_by_default_all_but_those_with_an_underscore(self):
        self.refused("^no_method: .*Private.*_get", self.client.call, self.client.create("Private"), "_get")
        self.assertEqual(self.client.call(self.client.create("PrivateOpen"), "_get"), 1)

    def test_a_type_without_methods_can_be_created_all_the_same(self):
        self.refused("^no_method: .*Nothing", self.client.call, self.client.create("Nothing"), "anything")

    def test_no_dunder_way_around_it(self):
        for name in ("", "_get", "get ", "get\0", "GET", "soho.call", "__class__", "a.b", "get_x\n"):
            self.refused("^(no_method|bad_arguments)", self.client.call, self.client.create("Closed"), name)


class MethodToTypeid(Parameters):
    def setUp(self):
        super().setUp()
        self.list = self.client.create("List")
        for item in (4, "five"):
            self.client.call(self.list, "append", item)

    def test_with_a_callable_that_takes_the_result(self):
        iterator = self.client.call(self.list, "iterate")
        self.assertEqual(iterator["type"], "Iterator")
        self.assertEqual([self.client.call(iterator, "next") for _ in range(2)], [4, "five"])
        self.assertEqual(self.refused("^failed: StopIteration", self.client.call, iterator, "next").type, "StopIteration")

    def test_with_a_callable_that_takes_the_value(self):
        numbered = self.client.call(self.list, "length")
        self.assertEqual(numbered["type"], "Numbered")
        self.assertEqual(self.client.call(numbered, "get"), 2)

    def test_without_a_callable(self):
        number = self.client.call(self.list, "first_number")
        self.assertEqual(number["type"], "Number")
        self.assertEqual(self.client.call(number, "get"), 4)

    def test_to_the_same_typeid(self):
        copy = self.client.call(self.list, "copy")
        self.assertEqual(copy["type"], "List")
        self.assertNotEqual(copy, self.list)
        self.client.call(copy, "append", 6)
        self.assertEqual([self.client.call(which, "size") for which in (self.list, copy)], [2, 3])

    def test_the_targets_exposed_list_applies(self):
        number = self.client.call(self.list, "first_number")
        self.refused("^no_method: .*Number.*set.*get", self.client.call, number, "set", 1)
        self.refused("^no_method", self.client.call, self.client.call(self.list, "iterate"), "_private")

    def test_an_error_of_the_method_is_the_error(self):
        self.assertEqual(self.refused("^failed: ", self.client.call, self.client.create("List"), "first_number").kind, "failed")

    def test_what_it_made_lives_on_its_own_and_goes_by_release(self):
        iterator = self.client.call(self.list, "iterate")
        self.client.release(self.list)
        self.assertEqual(self.client.call(iterator, "next"), 4)
        self.client.release(iterator)
        self.refused("^no_object", self.client.call, iterator, "next")

    def test_descriptions_tell_what_comes_back(self):
        methods = self.client.do("soho.types", "List")["methods"]
        returned = {name: method.get("returns_typeid") for name, method in methods.items()}
        self.assertEqual(returned, {"append": None, "size": None, "iterate": "Iterator", "copy": "List",
                                    "first_number": "Number", "length": "Numbered"})


class CreateMethod(Parameters):
    def test_false_means_refused_by_name(self):
        for type_id in ("Iterator", "Number"):
            self.refused(f"^denied: .*{type_id}.*create_method", self.client.create, type_id)
            self.assertFalse(self.client.do("soho.types", type_id)["create_method"])
        self.assertTrue(self.client.do("soho.types", "List")["create_method"])


class Names(Parameters):
    def test_a_plugin_publishes_at_load(self):
        names = {entry["name"]: entry for entry in self.client.do("soho.names")}
        self.assertEqual(names["pair"]["type"], "get_pair")
        self.assertEqual(names["shared_number"]["type"], "shared_number")
        number = self.client.do("soho.open", "shared_number")
        self.assertEqual(number, {"$soho": names["shared_number"]["id"], "type": "shared_number"})
        self.assertEqual(number, self.client.create("shared_number"))

    def test_name_dot_method_splits_at_the_last_dot(self):
        account = self.client.create("Account", 3, name="bank.accounts.first")
        self.assertEqual(self.client.do("bank.accounts.first.get"), 3)
        self.assertEqual(self.client.do("bank.accounts.first.deposit", 4), 7)
        self.refused("^no_object: .*bank.accounts.second.*bank.accounts.first", self.client.do, "bank.accounts.second.get")
        self.refused("^no_method: .*Account.*gte.*get", self.client.do, "bank.accounts.first.gte")
        self.refused("^no_method", self.client.do, "get")
        self.client.do("soho.unpublish", "bank.accounts.first")
        self.refused("^no_object", self.client.do, "bank.accounts.first.get")
        self.assertEqual(self.client.call(account, "get"), 7)

    def test_a_name_reaches_what_its_typeid_exposes_only(self):
        self.client.do("soho.publish", self.client.create("get_pair_ro"), "narrow_pair")
        self.assertEqual(self.client.do("narrow_pair.get_x"), 5)
        self.refused("^no_method: .*get_pair_ro.*set_x", self.client.do, "narrow_pair.set_x", 1)

    def test_a_taken_name_is_refused(self):
        account = self.client.create("Account")
        self.refused("^exists: .*pair", self.client.do, "soho.publish", account, "pair")
        self.refused("^exists: .*pair", self.client.create, "Account", name="pair")
        self.assertEqual(self.client.do("pair.get_x"), 5)

    def test_what_is_no_name_is_refused(self):
        account = self.client.create("Account")
        for name in ("", "1a", "a b", "a/b", "soho", "soho.x", "ä", ".", "-"):
            self.refused("^bad_arguments", self.client.do, "soho.publish", account, name)
        self.refused("^bad_arguments", self.client.create, "Account", name="a b")

    def test_create_or_open_by_name(self):
        first = self.client.create("Account", 1, name="till", if_exists="open")
        second = self.host.client().create("Account", 2, name="till", if_exists="open")
        self.assertEqual(first, second)
        self.assertEqual(self.client.do("till.get"), 1)
        self.refused("^exists: .*till.*Account", self.client.create, "Account", name="till")
        self.refused("^exists: .*till.*Account", self.client.create, "List", name="till", if_exists="open")
        self.refused("^bad_arguments: .*if_exists", self.client.create, "Account", name="till", if_exists="maybe")

    def test_create_or_open_by_name_is_atomic(self):
        clients = [self.host.client() for _ in range(8)]
        for round_ in range(20):
            name = f"atomic_{round_}"
            options = {"name": name, "if_exists": "open"}
            msgids = [client.request("soho.create", "LateMailbox", [2], options) for client in clients]
            handles = [client.reply(msgid) for client, msgid in zip(clients, msgids)]
            self.assertEqual(len({handle["$soho"] for handle in handles}), 1)

    def test_the_command_line_publishes_too(self):
        host = hosted(self, plugin("objects"), args=["--publish", "till=Account", "--strict"])
        self.assertEqual(host.client().do("till.get"), 0)

    def test_the_config_publishes_and_prefixes(self):
        host = hosted(self, plugin("objects"), config='[plugin.objects]\nprefix = "acme."\n[publish]\ntill = "acme.Account"\n',
                      args=["--strict"])
        client = host.client()
        self.assertEqual(client.do("till.get"), 0)
        items = client.create("acme.List")
        self.assertEqual(items["type"], "acme.List")
        self.assertEqual(client.call(items, "copy")["type"], "acme.List")
        self.refused("^no_type: .*List", client.create, "List")



if __name__ == "__main__":
    unittest.main(verbosity=2)
