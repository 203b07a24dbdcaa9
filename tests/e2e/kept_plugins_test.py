"""Plugin binaries of earlier states, as they were built then: every later host must load and serve them.

tests/plugins/kept/VERSION/ holds them, stripped: pair (C++, the tutorial), reply (C++, replies that come later), pure_c (C).
They are x86-64; on another machine there is nothing to try.
"""
import pathlib
import platform
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import soho_e2e as e2e

KEPT = e2e.ROOT / "tests" / "plugins" / "kept"


@unittest.skipUnless(platform.machine() == "x86_64", "the kept plugins are x86-64")
class KeptPlugins(unittest.TestCase):
    def host_with(self, version):
        # Copied, so that their mode and folder do not depend on how the repository was checked out.
        folder = tempfile.mkdtemp(prefix="soho-kept-")
        self.addCleanup(shutil.rmtree, folder)
        files = []
        for name in ("pair", "pure_c", "reply"):
            file = shutil.copy(KEPT / version / f"{name}.so", folder)
            pathlib.Path(file).chmod(0o755)
            files.append(file)
        host = e2e.Host(*files)
        self.addCleanup(host.stop)
        return host

    def versions(self):
        versions = sorted(path.name for path in KEPT.iterdir() if path.is_dir())
        self.assertTrue(versions)
        return versions

    def test_serve_in_this_host(self):
        for version in self.versions():
            with self.subTest(version):
                host = self.host_with(version)
                client = host.client()
                self.assertEqual(client.do("soho.health")["refused_plugins"], [])

                self.assertEqual(client.do("pair.get_x"), 5)
                client.do("pair.set_x", 7)
                self.assertEqual(client.do("pair.get_x"), 7)
                with self.assertRaises(e2e.Refused) as refused:
                    client.call(client.create("get_pair_ro"), "set_x", 8)
                self.assertEqual(refused.exception.kind, "no_method")

                counter = client.create("CCounter", 40)
                self.assertEqual(client.call(counter, "add", 2), 42)

                mailbox = client.create("Mailbox")
                waiting = client.start(mailbox, "get")
                client.call(mailbox, "put", "a letter")
                self.assertEqual(client.reply(waiting), "a letter")


if __name__ == "__main__":
    unittest.main()
