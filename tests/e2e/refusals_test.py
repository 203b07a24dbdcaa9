"""Plugins that must be refused, each with the file, what is wrong with it and what to do; the host goes on with the others."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from soho_e2e import BAD, BIN, PAIR, Host, Refused, hosted, plugin

# What the sentence must say, in this order: the field, both values, the remedy.
REASONS = {
    "not_elf": "not an ELF file.*soho_add_plugin",
    "empty": "not an ELF file.*soho_add_plugin",
    "truncated_header": "cut short",
    "truncated": "(cut short|cannot be loaded|no soho note|end of the file)",
    "no_note": "no soho note.*(SOHO_PLUGIN|SOHO_NOTE)",
    "missing_entry": "does not export soho_plugin_entry.*(SOHO_PLUGIN|SOHO_EXPORT)",
    "wrong_abi": "note says ABI 99.*ABI 1.*rebuild",
    "wrong_table_abi": "table is for ABI 99.*ABI 1.*rebuild",
    "null_table": r"soho_plugin_entry\(\) has no table for ABI 1.*rebuild",
    "name_mismatch": "(note_name.*table_name|table_name.*note_name)",
    "unknown_critical_flag": "FromTheFuture.*flag.*(newer|rebuild|host)",
    "undefined_symbol": "undefined symbol.*soho_test_function_that_nobody_has.*link",
    "throws_in_load": "no such device: /dev/soho-test",
    "duplicate_types": '"Twice".*twice',
    "unknown_mapping": "List.*size.*Iterator",
    "unexposed_mapping": "List.*size.*expose",
    "exposed_without_method": '"gte".*"?get"?',
    "ambiguous_result": "item.*Shop.*Item.*OtherItem.*method_to_typeid",
}


class Plugins(unittest.TestCase):
    def folder(self):
        folder = tempfile.mkdtemp(prefix="soho-e2e-plugins-")
        self.addCleanup(shutil.rmtree, folder)
        return pathlib.Path(folder)

    def refused_files(self, host):
        return {entry["file"]: entry["reason"] for entry in host.admin.do("soho.health")["refused_plugins"]}


class Refusals(Plugins):
    def test_each_is_refused_with_a_sentence_and_the_others_serve(self):
        files = [BAD / f"{name}.so" for name in REASONS]
        host = hosted(self, *files[:9], PAIR, *files[9:], plugin("kinds"))
        refused = self.refused_files(host)
        log = host.log()
        for name, pattern in REASONS.items():
            with self.subTest(plugin=name):
                file = str(BAD / f"{name}.so")
                self.assertIn(file, refused)
                self.assertRegex(refused[file], "(?s)" + pattern)
                self.assertIn(f"refused plugin {file}", log)
                self.assertNotIn("\n", refused[file])
        self.assertEqual(len(refused), len(REASONS))
        client = host.client()
        self.assertEqual(client.do("pair.get_x"), 5)
        client.call(client.create("Kinds"), "nothing")
        self.assertEqual(host.admin.do("soho.health")["status"], "degraded")
        self.assertEqual(host.stats("plugins", "plugins_refused"), {"plugins": 2, "plugins_refused": len(REASONS)})

    def test_none_of_a_refused_plugins_types_is_there(self):
        host = hosted(self, *(BAD / f"{name}.so" for name in REASONS), PAIR)
        types = {description["type"] for description in host.admin.do("soho.types")}
        self.assertEqual(types, {"Pair", "get_pair", "get_pair_ro"})

    def test_every_bad_file_of_the_folder_is_in_this_list(self):
        self.assertEqual({file.stem for file in BAD.glob("*.so")}, {*REASONS, "taken_typeid"})

    def test_a_file_that_is_not_there(self):
        host = hosted(self, "/nonexistent/plugin.so", PAIR)
        self.assertRegex(self.refused_files(host)["/nonexistent/plugin.so"], "No such file")

    def test_a_folder_in_place_of_a_file(self):
        folder = self.folder()
        host = hosted(self, folder, PAIR)
        self.assertEqual(list(self.refused_files(host)), [str(folder)])

    def test_plugins_shows_what_is_loaded_and_what_was_refused(self):
        host = hosted(self, PAIR, BAD / "throws_in_load.so")
        loaded, refused = host.admin.do("soho.plugins")
        self.assertEqual((loaded["name"], loaded["version"], loaded["state"]), ("pair", "1.0", "loaded"))
        self.assertEqual(set(loaded["types"]), {"Pair", "get_pair", "get_pair_ro"})
        self.assertEqual(refused["state"], "refused")
        self.assertIn("no such device", refused["reason"])

    def test_strict_ends_with_1(self):
        for file in (BAD / "throws_in_load.so", BAD / "not_elf.so", "/nonexistent/plugin.so"):
            host = Host(PAIR, file, args=["--strict"], ready=False)
            self.assertEqual(host.ended(), 1)
            self.assertIn(str(file), host.log())
            self.assertIn("--strict", host.log())
            self.assertNotIn("listens", host.output())
            self.assertFalse(os.path.exists(host.path))
            host.stop(code=1)

    def test_a_bound_for_a_worker_that_there_is_not(self):
        host = Host(PAIR, config="[plugin.pair]\nworker_cpu_s = 5\n", ready=False)
        self.assertEqual(host.ended(), 2)
        self.assertIn('[plugin.pair] has worker_cpu_s, but that plugin has no worker, so nothing would be bounded: '
                      'add isolation = "worker"', host.log())
        host.stop(code=2)

    def test_a_config_for_a_plugin_that_is_not_there_is_said(self):
        host = hosted(self, PAIR, config="[plugin.pear]\nprefix = \"x.\"\n")
        host.logs('the config has [plugin.pear], but there is no plugin of that name; did you mean "pair"?')
        strict = Host(PAIR, args=["--strict"], config="[plugin.pear]\n", ready=False)
        self.assertEqual(strict.ended(), 1)
        strict.stop(code=1)

    def test_a_type_without_callable_cannot_be_published(self):
        host = hosted(self, plugin("objects"), args=["--publish", "x=NodeWithin"])
        host.logs('publishing "x": type NodeWithin has no callable')

    def test_check_config_asks_for_a_file(self):
        done = subprocess.run([BIN / "sohod", "--check-config"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (2, "sohod: --check-config: which file? Add --config FILE\n"))

    def test_check_config_looks_at_what_the_config_names(self):
        folder = self.folder()
        (folder / "open").write_text("ci " + 32 * "ab" + "\n")
        (folder / "open").chmod(0o644)
        (folder / "text.so").write_text("no plugin")
        shutil.copy(PAIR, folder / "again.so")
        shutil.copy(PAIR, folder / "open.so")
        (folder / "open.so").chmod(0o777)
        for config, *faults in (
            (f"[host]\nplugins = ['{PAIR}', '{folder}/again.so']", f'plugin {folder}/again.so: another one is named "pair", too'),
            (f"[host]\nplugins = '{folder}/open.so'\n[plugin.pair]\nisolation = 'worker'", f"plugin {folder}/open.so (owner "),
            ("[host]\nsocket_group = 'no-such-group'", 'there is no group "no-such-group"'),
            (f"[login]\nkeys = '{folder}/absent'", f"{folder}/absent: No such file"),
            (f"[login]\nkeys = '{folder}/open'", f"{folder}/open: "),
            (f"[tls]\ncertificate = '{folder}/none.pem'\nkey = '{folder}/none.pem'", f"{folder}/none.pem"),
            ("[host]\nlisten = ['tcp:127.0.0.1:7']", "cannot listen on tcp:127.0.0.1:7: nothing says who may use it"),
            ("[[listener]]\naddress = 'unix:/tmp/x'\nsocket_group = 'no-such-group'", 'there is no group "no-such-group"'),
            (f"[host]\nplugins = ['{folder}/text.so', '{folder}/absent.so']\nplugin_dirs = ['{folder}/nowhere']",
             f"plugin {folder}/text.so: not an ELF file", f"plugin {folder}/absent.so: No such file", f"plugin folder {folder}/nowhere: No such file"),
            (f"[host]\nplugins = '{PAIR}'\nisolate = 'hazrad'\n[plugin.pari]\nisolation = 'worker'\nworker_read_paths = '{folder}/data'",
             'the config has [plugin.pari], but there is no plugin of that name; did you mean "pair"?',
             'isolate names "hazrad", but there is no plugin of that name',
             f"[plugin.pari]: worker_read_paths names {folder}/data: No such file or directory: make it, or take it out"),
        ):
            with self.subTest(config=config):
                (folder / "sohod.toml").write_text(config)
                done = subprocess.run([BIN / "sohod", "--config", folder / "sohod.toml", "--check-config"], capture_output=True, text=True)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                for fault in faults:
                    self.assertIn(fault, done.stderr)
                self.assertEqual(len(done.stderr.splitlines()), len(faults), done.stderr)
        (folder / "sohod.toml").write_text("[host]\nlisten = 'tcp:127.0.0.1:7'\ninsecure_no_login = true\nsocket_group = 'no-such-group'\n")
        done = subprocess.run([BIN / "sohod", "--config", folder / "sohod.toml", "--check-config"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""), "no group is asked for there")

    def test_settings_that_the_plugin_does_not_look_at_are_said(self):
        for isolation in ("none", "worker"):
            with self.subTest(isolation=isolation):
                host = hosted(self, PAIR, config=f'[plugin.pair]\nisolation = "{isolation}"\nsettings = {{ size = 3 }}\n')
                host.logs("the config has settings for plugin pair, which did not ask for them while it was loaded: it may know none")

    def test_a_plugin_that_its_operator_takes_for_isolated_is_missed_as_an_error(self):
        host = hosted(self, PAIR, config='[plugin.pari]\nisolation = "worker"\n')
        host.logs('error the config has [plugin.pari], but there is no plugin of that name; did you mean "pair"?')

    def test_strict_also_means_what_cannot_be_published(self):
        for publish in ("x=NoSuchType", "pair=Pair", "1x=get_pair"):
            host = Host(PAIR, args=["--strict", "--publish", publish], ready=False)
            self.assertNotEqual(host.ended(), 0, publish)
            host.stop(code=host.process.returncode)


class Trust(Plugins):
    """In-process plugins are trusted code: nobody else may be able to write them."""

    def refused_for(self, file, pattern):
        host = hosted(self, file, PAIR)
        self.assertRegex(self.refused_files(host)[str(file)], pattern)
        with self.assertRaises(Refused):
            host.client().create("Kinds")
        self.assertEqual(host.client().do("pair.get_x"), 5)

    def copied(self, folder, mode=0o755):
        file = folder / "kinds.so"
        shutil.copy(plugin("kinds"), file)
        file.chmod(mode)
        return file

    def test_a_file_that_others_can_write(self):
        for mode, who in ((0o757, "other"), (0o775, "group")):
            self.refused_for(self.copied(self.folder(), mode), f"(?s)kinds.so.*(writ|{who}).*chmod")

    def test_a_folder_that_others_can_write(self):
        for mode in (0o757, 0o775):
            folder = self.folder()
            file = self.copied(folder)
            folder.chmod(mode)
            self.refused_for(file, f"(?s){folder}.*writ.*chmod")

    def test_a_folder_further_up(self):
        outer = self.folder()
        inner = outer / "a" / "b"
        inner.mkdir(parents=True)
        file = self.copied(inner)
        outer.chmod(0o777)
        self.refused_for(file, f"(?s){outer}.*writ")

    def test_a_sticky_folder_further_up_is_fine(self):
        outer = self.folder()
        inner = outer / "a"
        inner.mkdir()
        outer.chmod(0o1777)
        host = hosted(self, self.copied(inner), args=["--strict"])
        host.client().create("Kinds")

    def test_a_link_is_judged_by_what_it_leads_to(self):
        folder, safe = self.folder(), self.folder()
        target = self.copied(folder, 0o777)
        link = safe / "kinds.so"
        link.symlink_to(target)
        host = hosted(self, link, PAIR)
        self.assertEqual(len(self.refused_files(host)), 1)

    def test_a_file_of_somebody_else(self):
        if os.geteuid() != 0:
            self.skipTest("only root can give files away")
        file = self.copied(self.folder())
        os.chown(file, 65534, 65534)
        self.refused_for(file, "(?s)kinds.so.*(own|belong).*chown")


class Order(Plugins):
    def test_a_folder_is_loaded_by_file_name(self):
        # taken_typeid and kinds fight for one typeid: who is named first has it.
        for first, second in (("taken_typeid", "kinds"), ("kinds", "taken_typeid")):
            folder = self.folder()
            sources = {"kinds": plugin("kinds"), "taken_typeid": BAD / "taken_typeid.so"}
            shutil.copy(sources[second], folder / "20-second.so")
            shutil.copy(sources[first], folder / "10-first.so")
            (folder / "readme.txt").write_text("no plugin")
            host = hosted(self, args=["--plugin-dir", str(folder)])
            self.assertEqual(host.admin.do("soho.types", "Kinds")["plugin"], first)
            self.assertEqual([os.path.basename(file) for file in self.refused_files(host)], ["20-second.so"])

    def test_files_come_before_folders(self):
        folder = self.folder()
        shutil.copy(BAD / "taken_typeid.so", folder / "0.so")
        host = hosted(self, plugin("kinds"), args=["--plugin-dir", str(folder)])
        self.assertEqual(host.admin.do("soho.types", "Kinds")["plugin"], "kinds")

    def test_a_folder_that_is_not_there_is_said(self):
        host = hosted(self, PAIR, args=["--plugin-dir", "/nonexistent/plugins"])
        self.assertIn("/nonexistent/plugins", host.log())
        strict = Host(PAIR, args=["--strict", "--plugin-dir", "/nonexistent/plugins"], ready=False)
        self.assertEqual(strict.ended(), 1)
        strict.stop(code=1)


class Malformed(unittest.TestCase):
    """A plugin that loads well, and then gives what is no MessagePack, or breaks the ABI's rules otherwise."""

    def setUp(self):
        self.host = hosted(self, plugin("malformed_result"), plugin("kinds"), args=["--strict"])

    def test_the_caller_gets_an_error_that_names_the_plugin_and_nobody_gets_the_bytes(self):
        for hello in ({}, {"handles": "ext", "errors": "full"}, {"errors": "full"}):
            client, bystander = self.host.client(**hello), self.host.client()
            malformed = client.create("Malformed")
            for method in ("never_used_byte", "cut_short", "cut_string", "two_values", "huge_array", "huge_map", "nothing",
                           "bad_handle", "unknown_handle", "deep", "too_large", "failed_without_reason",
                           "pending_without_defer", "unknown_status"):
                with self.subTest(method=method, hello=hello):
                    before = client.start(malformed, "good")
                    broken = client.start(malformed, method)
                    after = client.start(malformed, "good")
                    self.assertEqual(client.reply(before), 42)
                    with self.assertRaises(Refused) as refused:
                        client.reply(broken)
                    self.assertIn(refused.exception.kind, ("internal", "limit"))
                    self.assertEqual(client.reply(after), 42)
                    bystander.do("soho.ping")

    def test_errors_that_are_malformed_themselves(self):
        for hello in ({}, {"errors": "full"}):
            client = self.host.client(**hello)
            malformed = client.create("Malformed")
            for method in ("unknown_code", "error_not_utf8"):
                with self.assertRaises(Refused) as refused:
                    client.call(malformed, method)
                str(refused.exception).encode()  # is UTF-8, or this raises
            self.assertEqual(client.call(malformed, "good"), 42)

    def test_a_large_result_that_is_refused_is_not_kept(self):
        client = self.host.client()
        malformed = client.create("Malformed")
        for _ in range(5):
            with self.assertRaises(Refused):
                client.call(malformed, "too_large")
        self.assertLess(self.host.memory(), 1 << 30)


if __name__ == "__main__":
    unittest.main(verbosity=2)
