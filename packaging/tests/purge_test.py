#!/usr/bin/python3
"""purge_test.py: what a purge of the package sohod does to accounts. The package's own script, with stand-ins for the programs that
would change this machine, each of which notes what it is asked."""
import os
import pathlib
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[1] / "debian" / "sohod.postrm"
NOTE = 'echo "${0##*/} $*" >>"$LOG"\n'
OURS = "soho:x:998:998:Shared-Object HOst:/var/lib/soho:/usr/sbin/nologin"
GROUP = "soho:x:998:you"


class Purge(unittest.TestCase):
    def purge(self, passwd="", group="", action="purge", userdel="", takes_group=False):
        """What was asked of the system, and what the script said."""
        with tempfile.TemporaryDirectory(prefix="soho-purge-") as folder:
            place = pathlib.Path(folder)
            for name, line in (("passwd", passwd), ("group", group)):
                (place / name).write_text(line + "\n" if line else "")
            stand_ins = {
                "getent": f'[ "$2" = soho ] && grep . "{folder}/$1"\n',  # 1 where there is none; the real one says 2
                "userdel": NOTE + (userdel or f': >"{folder}/passwd"\n' + (f': >"{folder}/group"\n' if takes_group else "")),
                "groupdel": NOTE,
                "rm": NOTE,
            }
            for name, text in stand_ins.items():
                (place / name).write_text("#!/bin/sh\n" + text)
                (place / name).chmod(0o755)
            environment = {"PATH": f"{folder}:/usr/bin:/bin", "LOG": folder + "/log"}
            done = subprocess.run(["/bin/sh", SCRIPT, action], env=environment, capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            log = place / "log"
            return log.read_text().splitlines() if log.exists() else [], done.stderr

    def test_the_user_of_the_package_goes_with_what_it_had(self):
        asked, said = self.purge(OURS, "soho:x:998:", takes_group=True)
        self.assertEqual((asked, said), (["rm -rf /run/sohod /var/lib/soho", "userdel soho"], ""))

    def test_a_group_with_members_goes_too(self):
        asked, said = self.purge(OURS, GROUP)
        self.assertEqual((asked[1:], said), (["userdel soho", "groupdel soho"], ""))
        self.assertEqual(self.purge("", GROUP)[0][1:], ["groupdel soho"])

    def test_the_account_of_a_person_stays(self):
        for line in ("soho:x:1000:1000:Soho Lee:/home/soho:/bin/bash", "soho:x:1000:1000::/var/lib/soho:/bin/bash",
                     "soho:x:998:998:another service:/srv/soho:/usr/sbin/nologin", "soho:x:0:0::/var/lib/soho:/bin/sh"):
            with self.subTest(line):
                asked, said = self.purge(line, "soho:x:1000:")
                self.assertEqual(asked, ["rm -rf /run/sohod /var/lib/soho"])
                self.assertIn("the user soho stays: this package did not make it", said)

    def test_the_group_of_a_person_stays(self):
        self.assertEqual(self.purge(OURS, "soho:x:1000:you")[0][1:], ["userdel soho"])

    def test_what_cannot_go_is_said(self):
        asked, said = self.purge(OURS, GROUP, userdel="exit 8\n")
        self.assertEqual((asked[1:], said), (["userdel soho"], "sohod: the user soho stays\n"))

    def test_only_a_purge_does_anything(self):
        for action in ("remove", "upgrade", "failed-upgrade", "abort-install"):
            self.assertEqual(self.purge(OURS, GROUP, action=action), ([], ""))


if __name__ == "__main__":
    unittest.main()
