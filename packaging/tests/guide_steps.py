"""What a page tells its reader to do, as steps: (user, command, expected output) and (user, file, contents).

Blocks of the page that are followed stand under a comment:

    <!-- guide -->              a console block: `# command` is root's, in the folder of the packages; `$ command` the reader's,
                                which must print what stands below
    <!-- guide NAME -->         the reader writes the block to the file NAME
    <!-- FILE [region] -->      … to the last part of FILE's name; tests/tidy sees to it that FILE has the same

`#ID` in an output stands for any object's number. Commands that end with & stay until they end by themselves.
"""
import re

BLOCK = re.compile(r"<!-- (?P<mark>[^\n]*?) -->\n```\w*[^\n]*\n(?P<code>.*?)```", re.S)


def console_steps(code):
    found = []
    for line in code.splitlines():
        if line.startswith(("# ", "$ ")):
            found.append(["root" if line[0] == "#" else "you", line[2:], []])
        elif line.strip():
            found[-1][2].append(line)
    return [(user, command, "\n".join(output)) for user, command, output in found]


def steps(page):
    found = []
    for block in BLOCK.finditer(page):
        mark, code = block["mark"], block["code"]
        region = re.fullmatch(r"(?:\S*/)?(\S+) \[[\w ]+\]", mark)
        if mark == "guide":
            found += [("run", *step) for step in console_steps(code)]
        elif mark.startswith("guide "):
            found.append(("write", mark.removeprefix("guide "), code))
        elif region:
            found.append(("write", region[1], code))
    return found


def output_pattern(expected):
    return re.compile(re.escape(expected).replace(re.escape("#ID"), r"#\d+"))
