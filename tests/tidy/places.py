"""No committed file says where it was made: no absolute path of one machine, no package registry, no private host."""
import re

import tidy

# What may open an absolute path: the directories that every Linux machine has, and the one that none has.
COMMON = set("bin boot dev etc lib lib64 nonexistent opt proc run sbin srv sys tmp usr var".split())
# A path of two or more components that starts a word. Regexes, those of JavaScript that are used at once too, globs and URL paths do not look
# like this, nor does a literal that is put behind something: folder + "/a/b", ROOT "/a/b". What a schema imports is looked for in its compiler's folders.
PATH = re.compile(r"""(?:^|(?<=[\s"'`=(,;\[]))(?<!\+ ")(?<![A-Z] ")(?<!import ")/([A-Za-z][\w.-]*)/(?!\.(?:test|exec)\()[\w.-]""", re.M)
HOSTS = re.compile(
    r"""https?://(?:[\w.-]*\.)?(?:npmjs\.(?:org|com)|yarnpkg\.com|pypi\.org|pythonhosted\.org|crates\.io|golang\.org"""
    r"""|rubygems\.org|repo\.maven\.apache\.org|(?:deb|snapshot|ftp|security)\.debian\.org|docker\.io|ghcr\.io)\b"""
    r"""|\b[\w-]+\.(?:internal|intranet|corp|lan)(?![\w.(-])|\bartifactory\b|\bnexus\b""")


def lint(files):
    findings = []
    for path, text in files.items():
        if path == "tests/tidy/places.py":
            continue  # its own examples
        for match in PATH.finditer(text):
            if match.group(1) not in COMMON:
                findings.append(f"{path}:{tidy.line_of(text, match.start(1))}: absolute path /{match.group(1)}/… of one machine")
        for match in HOSTS.finditer(text):
            findings.append(f"{path}:{tidy.line_of(text, match.start())}: names a registry or private host, {match.group(0)}")
    return findings


if __name__ == "__main__":
    tidy.main(lint, refused=[
        {"a.cpp": '#include "/home/someone/soho/a.hpp"\n'},
        {"a.md": "run /builds/soho/dev\n"},
        {"a.ts": "const file = '/home/someone/soho/a.ts';\n"},
        {"a.json": '"resolved": "https://registry.npmjs.org/x"\n'},
        {"a.sh": "pip install --index-url https://pypi.org/simple x\n"},
        {"a.sh": "mirror=http://deb.debian.org/debian\n"},
        {"a.sh": "curl cache.internal/x\n"},
    ], accepted=[
        {"a.md": "the socket is /run/user/1000/soho/sohod.sock, the config /etc/soho/sohod.toml\n"},
        {"a.cpp": "a = b /c/ d; // either/or, src/wire/frame.cpp\n"},
        {"a.cpp": 'f(folder + "/open/inner"); g(ROOT "/sdk/x")\n'},
        {"a.ts": "assert(/certificate/.test(error.message) && /word/.exec(text));\n"},
        {"a.capnp": 'using Cxx = import "/capnp/c++.capnp";\n'},
        {"a.cmake": "${prefix}/lib/soho/plugins\n"},
        {"a.md": "see https://github.com/msgpack-rpc/msgpack-rpc/blob/master/spec.md\n"},
    ])
