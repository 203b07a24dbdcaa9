"""Every published C++ or CMake block is cut from a file that is built: it stands under a comment `<!-- FILE [region] -->`, and must be
what stands in FILE between `[region]` and `[/region]`, `[region end]` or the end, but for its indentation. Blocks marked
`<!-- run -->` are run by tests/e2e; `<!-- shape -->` marks what is an outline and no code."""
import re
import textwrap

import tidy

BLOCK = re.compile(r"((?:<!-- (?P<mark>[^\n]*?) -->\n)?)```(?P<language>\w*)[^\n]*\n(?P<code>.*?)```", re.S)
CUT = re.compile(r"(?P<file>\S+) \[(?P<region>[\w ]+)\]$")
NEEDS_SOURCE = {"cpp", "c", "cmake"}


def region_of(text, name):
    """The lines between the two marks, without indentation; None if the first mark is not there."""
    inside, lines = False, []
    for line in text.split("\n"):
        word = line.strip().lstrip("/#* ").rstrip("*/ ")
        if word == f"[{name}]":
            inside = True
        elif inside and word in (f"[/{name}]", f"[{name} end]"):
            return textwrap.dedent("\n".join(lines)).strip("\n")
        elif inside:
            lines.append(line)
    return textwrap.dedent("\n".join(lines)).strip("\n") if inside else None


def lint(files):
    findings = []
    for path, text in files.items():
        if not path.endswith(".md"):
            continue
        for block in BLOCK.finditer(text):
            place = f"{path}:{text.count(chr(10), 0, block.start('code'))}"
            mark, language = block["mark"], block["language"]
            cut = CUT.match(mark or "")
            if not cut:
                if language in NEEDS_SOURCE and mark != "shape":
                    findings.append(f"{place}: a {language} block that is cut from no file: say <!-- FILE [region] --> above it")
                continue
            source = files.get(cut["file"])
            if source is None:
                findings.append(f"{place}: there is no file {cut['file']}")
                continue
            region = region_of(source, cut["region"])
            if region is None:
                findings.append(f"{place}: {cut['file']} has no region [{cut['region']}]")
            elif region != block["code"].strip("\n"):
                findings.append(f"{place}: differs from {cut['file']} [{cut['region']}]: copy that here")
    return findings


SOURCE = "int a;\n    // [part]\n    int b;\n    // [/part]\n"
ACCEPTED = [
    {"x.cpp": SOURCE, "a.md": "<!-- x.cpp [part] -->\n```cpp\nint b;\n```\n"},
    {"a.md": "```console\n$ soho types\n```\n"},
    {"a.md": "<!-- shape -->\n```cpp\nstruct …\n```\n"},
]
REFUSED = [
    {"x.cpp": SOURCE, "a.md": "<!-- x.cpp [part] -->\n```cpp\nint c;\n```\n"},
    {"x.cpp": SOURCE, "a.md": "<!-- x.cpp [other] -->\n```cpp\nint b;\n```\n"},
    {"a.md": "<!-- x.cpp [part] -->\n```cpp\nint b;\n```\n"},
    {"a.md": "```cpp\nint b;\n```\n"},
]

if __name__ == "__main__":
    tidy.main(lint, REFUSED, ACCEPTED)
