#!/usr/bin/python3
"""dev_test.py: that ./dev test-packages tests packages of the sources that are there, and ./dev test-abi whole trees. In a repository of
its own, with stand-ins for what builds and installs, each of which notes that it was asked."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

SOURCES = pathlib.Path(__file__).resolve().parents[2]
STAND_INS = {
    "dpkg-query": 'shift 3; printf "installed %s\\n" "$@"\n',
    "dpkg-buildpackage": 'echo build >>"$LOG"; [ ! -e "$BROKEN" ] || exit 1; touch ../sohod_1_amd64.deb ../soho_1_amd64.changes\n',
    "lintian": "",
    "ccache": "",
    "cmake": 'echo "cmake in $PWD" >>"$LOG"\n',
}


@unittest.skipUnless(shutil.which("git"), "there is no git")
class Dev(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="soho-dev-")
        self.addCleanup(folder.cleanup)
        self.place = pathlib.Path(folder.name)
        self.repository, self.log = self.place / "repository", self.place / "log"
        for name, text in STAND_INS.items():
            self.write(f"bin/{name}", "#!/bin/sh\n" + text)
        self.write("repository/packaging/packages_test.py", "import os\nopen(os.environ['LOG'], 'a').write('test\\n')\n")
        self.write("repository/tests/abi/old_host.py", "import os\nopen(os.environ['LOG'], 'a').write('old host\\n')\n")
        self.write("repository/packaging/debian/rules", "")
        self.write("repository/GUIDE.md", "As it was.")
        self.write("repository/.gitignore", "build/\n")
        shutil.copy(SOURCES / "dev", self.repository)
        shutil.copy(SOURCES / "packaging" / "debian-packages.txt", self.repository / "packaging")
        self.git("init", "--quiet")
        self.commit()

    def write(self, name, text):
        path = self.place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def git(self, *words):
        subprocess.run(["git", "-C", self.repository, "-c", "user.name=x", "-c", "user.email=x@example.org", *words], check=True, timeout=60,
                       stdout=subprocess.DEVNULL)

    def commit(self):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "x")

    def asked(self, *words, code=0, path=""):
        """What ./dev had done."""
        self.log.write_text("")
        environment = {**os.environ, "PATH": f"{path}{self.place}/bin:/usr/bin:/bin", "LOG": str(self.log), "BROKEN": str(self.place / "broken")}
        done = subprocess.run([self.repository / "dev", *words], env=environment, capture_output=True, text=True, timeout=100)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return self.log.read_text().splitlines()

    def test_packages_are_built_again_where_their_sources_changed(self):
        self.assertEqual(self.asked("test-packages"), ["build", "test"])
        self.assertEqual(self.asked("test-packages"), ["test"], "the same sources")
        self.write("repository/tests/new_test.py", "")
        self.commit()
        self.assertEqual(self.asked("test-packages"), ["test"], "tests are in no package")
        self.write("repository/GUIDE.md", "As it is.")
        self.assertEqual(self.asked("test-packages"), ["build", "test"], "a changed file, not committed")
        self.commit()
        self.assertEqual(self.asked("test-packages"), ["test"], "the same, committed")
        self.git("mv", "GUIDE.md", "GUIDANCE.md")
        self.assertEqual(self.asked("test-packages"), ["build", "test"], "another name")

    def test_packages_that_could_not_be_built_are_not_tested(self):
        self.asked("test-packages")
        self.write("repository/GUIDE.md", "As it is.")
        self.write("broken", "")
        self.assertEqual(self.asked("test-packages", code=1), ["build"])
        (self.place / "broken").unlink()
        self.assertEqual(self.asked("test-packages"), ["build", "test"])

    def test_an_interrupted_tree_of_an_old_host_is_not_taken_for_whole(self):
        self.write("halved/tar", "#!/bin/sh\n" + '/usr/bin/tar "$@" --exclude=GUIDE.md; exit 1\n')
        self.assertNotIn("old host", self.asked("test-abi", "HEAD", code=1, path=f"{self.place}/halved:"))
        self.assertIn("old host", self.asked("test-abi", "HEAD"))
        (old,) = (self.repository / "build" / "abi").iterdir()
        self.assertTrue((old / "GUIDE.md").exists(), "what was missing")


if __name__ == "__main__":
    unittest.main()
