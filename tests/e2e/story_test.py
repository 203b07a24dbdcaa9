"""The story: a class Pair, one object of it shared by client processes, and the same object behind a narrower typeid."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from soho_e2e import PAIR, ClientProcess, Refused, hosted


class Story(unittest.TestCase):
    def setUp(self):
        self.host = hosted(self, PAIR, args=["--strict"])

    def process(self):
        client = ClientProcess(self.host.address)
        self.addCleanup(client.kill)
        return client

    def test_two_processes_share_the_pair_that_the_callable_returns(self):
        writer, reader = self.process(), self.process()
        mine, theirs = writer.do("soho.create", "get_pair"), reader.do("soho.create", "get_pair")
        self.assertEqual(mine, theirs)
        self.assertEqual(mine["type"], "get_pair")
        self.assertEqual([reader.do("soho.call", theirs, "get_x"), reader.do("soho.call", theirs, "get_y")], [5, 6])
        self.assertIsNone(writer.do("soho.call", mine, "set_x", [7]))
        self.assertEqual(reader.do("soho.call", theirs, "get_x"), 7)
        reader.do("soho.call", theirs, "set_y", [-8])
        self.assertEqual(writer.do("soho.call", mine, "get_y"), -8)

    def test_the_pair_outlives_the_process_that_changed_it(self):
        writer = self.process()
        writer.do("soho.call", writer.do("soho.create", "get_pair"), "set_x", [41])
        writer.kill()
        reader = self.process()
        self.assertEqual(reader.do("soho.call", reader.do("soho.create", "get_pair"), "get_x"), 41)

    def test_what_is_not_exposed_is_refused_with_a_sentence_and_changes_nothing(self):
        client = self.host.client()
        narrow = client.create("get_pair_ro")
        self.assertEqual(client.call(narrow, "get_x"), 5)
        with self.assertRaises(Refused) as refused:
            client.call(narrow, "set_x", 7)
        self.assertEqual(refused.exception.kind, "no_method")
        for word in ("get_pair_ro", "set_x", "get_x"):
            self.assertIn(word, refused.exception.text)
        with self.assertRaisesRegex(Refused, "^no_method: .*get_pair_ro.*get_y"):
            client.call(narrow, "get_y")
        self.assertEqual(client.call(narrow, "get_x"), 5)
        self.assertEqual([client.do("pair.get_x"), client.do("pair.get_y")], [5, 6])

    def test_both_typeids_reach_the_very_same_pair(self):
        client = self.host.client()
        wide, narrow = client.create("get_pair"), client.create("get_pair_ro")
        self.assertNotEqual(wide["$soho"], narrow["$soho"])
        client.call(wide, "set_x", 99)
        self.assertEqual(client.call(narrow, "get_x"), 99)

    def test_opening_the_wider_typeid_never_widens_the_narrower(self):
        first, second = self.host.client(), self.host.client()
        narrow = first.create("get_pair_ro")
        for opener in (first, second):
            wide = opener.create("get_pair")
            opener.call(wide, "set_x", 1)
            opener.do("soho.open", "pair")
        for client in (first, second):
            again = client.create("get_pair_ro")
            self.assertEqual(again, narrow)
            with self.assertRaisesRegex(Refused, "^no_method"):
                client.call(again, "set_x", 2)
            with self.assertRaisesRegex(Refused, "^no_method"):
                client.call(again["$soho"], "set_y", 2)
        self.assertEqual(first.call(narrow, "get_x"), 1)
        self.assertEqual(list(first.do("soho.types", "get_pair_ro")["methods"]), ["get_x"])

    def test_a_pair_of_ones_own(self):
        client, other = self.host.client(), self.host.client()
        mine, theirs = client.create("Pair", 1, 2), other.create("Pair", kw={"y": 4, "x": 3})
        self.assertNotEqual(mine["$soho"], theirs["$soho"])
        client.call(mine, "set_x", kw={"x": 10})
        self.assertEqual([client.call(mine, "get_x"), client.call(mine, "get_y")], [10, 2])
        self.assertEqual([other.call(theirs, "get_x"), other.call(theirs, "get_y")], [3, 4])

    def test_the_published_name_is_called_without_opening_anything(self):
        client = self.host.client()
        self.assertEqual(client.do("pair.get_x"), 5)
        self.assertEqual(client.call("pair", "get_y"), 6)
        client.notify("pair.set_x", 17)
        self.assertEqual(client.do("pair.get_x"), 17)

    def test_wrong_arguments_name_the_method_and_what_it_takes(self):
        client = self.host.client()
        for args, word in (([], "x"), ([1, 2], "2"), (["seven"], "x"), ([1.5], "x"), ([2**63], "x"), ([None], "x")):
            with self.assertRaisesRegex(Refused, "^bad_arguments: .*set_x") as refused:
                client.call("pair", "set_x", *args)
            self.assertIn(word, refused.exception.text)
        self.assertEqual(client.do("pair.get_x"), 5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
