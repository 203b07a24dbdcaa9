"""What the tidy tests share: the repository's files, a look at C++ without its comments, and the shape of a lint.

A lint is a function lint(files) -> [finding]; `files` maps a path, relative to the repository, to its text. A finding
is a sentence "path:line: what is wrong and what to do". Each script lists texts that it must refuse and texts that it
must accept; --self-test tries them.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODE = (".h", ".hpp", ".c", ".cpp")


def repository():
    """The text of every file that is committed or about to be; without git, of every file outside build/."""
    try:
        listed = subprocess.run(
            ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    except (OSError, subprocess.CalledProcessError):
        listed = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*")]
        listed = [path for path in listed if not path.startswith(("build/", ".git/")) and "__pycache__" not in path]
    files = {}
    for path in filter(None, listed):
        if not (ROOT / path).is_file():
            continue
        try:
            files[path] = (ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            pass  # a binary file, such as a kept plugin or a fuzz seed
    return files


def code(files):
    return {path: text for path, text in files.items() if path.endswith(CODE)}


_NOISE = re.compile(
    r"""//[^\n]*|/\*.*?\*/|R"([^()\s\\]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'""", re.S)


def without_comments_and_strings(text):
    """The same text, of the same length and lines, with comments and the insides of literals blanked out."""
    def blank(match):
        found = match.group(0)
        kept = "" if found.startswith("/") else '"' if found[0] in 'R"' else "'"
        inner = re.sub(r"[^\n]", " ", found[len(kept):len(found) - len(kept)])
        return kept + inner + kept
    return _NOISE.sub(blank, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def main(lint, refused, accepted):
    """refused and accepted: lists of {path: text}."""
    if "--self-test" in sys.argv:
        wrong = [f"should be refused, but was not: {files}" for files in refused if not lint(files)]
        wrong += [f"should be accepted, but was not: {files}: {lint(files)}" for files in accepted if lint(files)]
        findings = wrong
        print(f"{len(refused)} texts to refuse, {len(accepted)} to accept")
    else:
        files = repository()
        findings = lint(files)
        print(f"{len(files)} files")
    for finding in findings:
        print(finding)
    print(f"{len(findings)} findings")
    sys.exit(1 if findings else 0)
