"""Every console block of the README that stands under <!-- run -->, as a reader would type it: each `$ command` is run against a
host with the bundled plugins, and must print what stands below it. #ID stands for any object's number."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import soho_e2e as e2e

CONFIGURED = re.compile(r"<!-- config -->\n```toml\n(.*?)```\n\n<!-- run with that config -->\n```console\n(.*?)```", re.S)
BLOCK = re.compile(r"<!-- run -->\n```console\n(.*?)```", re.S)


def steps(block):
    """(command, expected output) in order."""
    found = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return [(command, "\n".join(lines)) for command, lines in found]


class Readme(unittest.TestCase):
    def test_a_config_does_what_it_says(self):
        blocks = CONFIGURED.findall((e2e.ROOT / "README.md").read_text())
        self.assertTrue(blocks)
        for config, block in blocks:
            folder = tempfile.mkdtemp(prefix="soho-readme-")
            self.addCleanup(shutil.rmtree, folder)
            keys = pathlib.Path(folder) / "keys"
            keys.write_text(subprocess.run([e2e.BIN / "soho", "keygen", "ci"], check=True, capture_output=True, text=True).stdout)
            keys.chmod(0o600)
            host = e2e.Host(*sorted(e2e.BUNDLED.glob("*.so")), config=config.replace("/etc/soho", folder),
                            listen="tcp:127.0.0.1:0")
            self.addCleanup(host.stop)
            environment = {**os.environ, "SOHO_HOST": host.address, "PATH": f"{e2e.BIN}:{os.environ['PATH']}"}
            for command, expected in steps(block):
                done = subprocess.run(command.replace("/etc/soho", folder), shell=True, env=environment, capture_output=True,
                                      text=True, timeout=e2e.PATIENCE)
                self.assertEqual(done.returncode, 0, command)
                pattern = re.escape(expected).replace(re.escape("#N"), r"\d+")
                self.assertRegex(done.stdout.strip("\n"), f"^{pattern}$", command)

    def test_does_what_it_says(self):
        blocks = BLOCK.findall((e2e.ROOT / "README.md").read_text())
        self.assertTrue(blocks)
        for block in blocks:
            host = e2e.Host(*sorted(e2e.BUNDLED.glob("*.so")))
            self.addCleanup(host.stop)
            environment = {**os.environ, "SOHO_HOST": host.address, "PATH": f"{e2e.BIN}:{os.environ['PATH']}"}
            for command, expected in steps(block):
                done = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True,
                                      timeout=e2e.PATIENCE)
                self.assertEqual((done.returncode, done.stderr), (0, ""), command)
                pattern = re.escape(expected).replace(re.escape("#ID"), r"#\d+")
                self.assertRegex(done.stdout.strip("\n"), f"^{pattern}$", command)


if __name__ == "__main__":
    unittest.main()
