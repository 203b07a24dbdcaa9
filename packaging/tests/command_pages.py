"""soho(1) and bash's completion know what `soho --help` knows: every command and every option, and nothing that is not there.

command_pages.py BIN-DIR
"""
import os
import pathlib
import re
import subprocess
import sys
import unittest

PACKAGING = pathlib.Path(__file__).resolve().parents[1]
BIN = pathlib.Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else None
MANUAL = (PACKAGING / "man" / "soho.1").read_text()
COMPLETION = PACKAGING / "completions" / "soho"


def help_of(*words):
    return subprocess.run([BIN / "soho", *words, "--help"], check=True, capture_output=True, text=True).stdout


def commands():
    return re.findall(r"^  ([a-z][\w-]*) ", help_of().split("Subcommands:")[1].split("Exit codes")[0], re.M)


def options():
    return re.findall(r"--[a-z][\w-]*", re.sub(r"(?m)^(  \S*).*$", r"\1", help_of().split("Options:")[1].split("Subcommands:")[0]))


def section(name):
    return re.search(rf"^\.SH {name}\n(.*?)(?=^\.SH )", MANUAL, re.M | re.S)[1].replace("\\-", "-")


def completed(line):
    """What the bash of this machine would offer behind `line`."""
    script = f"""
        _init_completion() {{ COMPREPLY=(); words=("${{COMP_WORDS[@]}}"); cword=$COMP_CWORD; cur=${{words[cword]}}; prev=${{words[cword-1]}}; }}
        _filedir() {{ COMPREPLY=(a-file); }}
        source {COMPLETION}
        COMP_WORDS=({line}); [[ {line!r} == *' ' ]] && COMP_WORDS+=('')
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _soho
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True, env=environment)
    assert not done.stderr, done.stderr
    return done.stdout.split()


class CommandPages(unittest.TestCase):
    def test_the_manual_has_every_command(self):
        self.assertEqual(sorted(re.findall(r"^\.TP\n\\fB([a-z-]+)\\fR", section("COMMANDS"), re.M)), sorted(commands()))

    def test_the_manual_has_every_option(self):
        self.assertEqual(sorted(set(re.findall(r"\\fB(--[a-z-]+)\\fR", section("OPTIONS")))), sorted(set(options())))

    def test_completion_offers_every_command_and_option(self):
        self.assertEqual(sorted(completed("soho ")), sorted(commands()))
        self.assertLessEqual(set(options()), set(completed("soho -")))
        self.assertEqual(completed("soho --json pub"), ["publish"])

    def test_completion_knows_what_is_handed_over_to_soho_plugin(self):
        words = completed("soho plugin ")
        self.assertEqual(words[:2], ["list", "reload"])  # which are soho's own
        self.assertIn("soho plugin " + ", ".join(words[2:]), help_of())
        self.assertEqual(completed("soho plugin reload -"), ["--force"])
        self.assertEqual(completed("soho plugin reload pair "), ["a-file"])
        self.assertEqual(completed("soho plugin check "), ["a-file"])

    def test_completion_offers_files_where_files_are_meant(self):
        self.assertEqual(completed("soho --key "), ["a-file"])
        for option in re.findall(r"(--?[\w-]+)(?:,--[\w-]+)? FILE", help_of("gen")) + ["--output"]:
            self.assertEqual(completed(f"soho gen cpp {option} "), ["a-file"], option)
        self.assertEqual(completed("soho gen -o proxy.hpp "), ["cpp", "python"])

    def test_completion_says_nothing_without_a_host(self):
        self.assertEqual(completed("soho --host unix:/nonexistent/socket call "), [])


if __name__ == "__main__":
    unittest.main()
