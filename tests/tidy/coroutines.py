"""g++ 12 destroys some temporaries twice in a full-expression that holds a co_await: capturing lambdas and aggregates
with members that matter. So no statement with a co_await holds a lambda or braces. Cure: name the lambda, aggregate or
list in a statement of its own, then std::move it into the one that awaits."""
import re

import tidy

TOKEN = re.compile(r"\w+|->|::|[^\s\w]")
CLOSING = {"(": ")", "[": "]", "{": "}"}
# A brace after one of these opens a block of statements, not a value.
BLOCK_AFTER = {"else", "do", "try", "const", "noexcept", "mutable", "override", "final", ":", ";"}
BLOCK_HEADS = {"namespace", "struct", "class", "union", "enum", "extern", "export"}


class Group:
    """A bracketed stretch of tokens: its opening bracket, where it is, and what is inside."""

    def __init__(self, kind, offset):
        self.kind, self.offset, self.items = kind, offset, []


def parse(text):
    """The text as nested groups. Unbalanced brackets (macros, #if branches) close what is open."""
    top = Group("{", 0)
    stack = [top]
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group(0)), text, flags=re.M)
    for match in TOKEN.finditer(code):
        token = match.group(0)
        if token in CLOSING:
            group = Group(token, match.start())
            stack[-1].items.append(group)
            stack.append(group)
        elif token in CLOSING.values():
            while len(stack) > 1 and CLOSING[stack[-1].kind] != token:
                stack.pop()
            if len(stack) > 1:
                stack.pop()
        else:
            stack[-1].items.append((token, match.start()))
    return top


def word(item):
    return item.kind if isinstance(item, Group) else item[0]


def is_lambda(items, index):
    """Whether the [ at index introduces a lambda rather than a subscript, an attribute or an array."""
    group = items[index]
    if any(isinstance(item, Group) and item.kind == "[" for item in group.items[:1]):
        return False  # an attribute
    if index == 0:
        return True
    before = word(items[index - 1])
    return before in {"return", "co_return", "co_await", "co_yield"} or not re.fullmatch(r"\w+|[\[(>\"']", before)


def is_block(items, index, start):
    """Whether the { at index, in a statement that began at start, opens statements."""
    if index == start:
        return True
    before = word(items[index - 1])
    if before in BLOCK_AFTER or before in "([{":
        return True
    words = [word(item) for item in items[start:index]]
    if "->" in words and "(" in words[:words.index("->")] and "=" not in words[words.index("->"):]:
        return True  # a trailing return type
    return bool(BLOCK_HEADS & set(words)) and "(" not in words and "=" not in words


def awaits(items):
    """The offsets of every co_await in a full-expression, and of every lambda and brace in it; blocks met on the way."""
    found, suspects, blocks = [], [], []
    for index, item in enumerate(items):
        if not isinstance(item, Group):
            if item[0] == "co_await":
                found.append(item[1])
            continue
        if item.kind == "[" and is_lambda(items, index):
            suspects.append(("lambda", item.offset))
        if item.kind == "{":
            if index > 0 and lambda_body(items, index):
                blocks.append(item)
                continue
            suspects.append(("brace", item.offset))
        inner = awaits(item.items)
        found += inner[0]
        suspects += inner[1]
        blocks += inner[2]
    return found, suspects, blocks


def lambda_body(items, index):
    """Whether the { at index follows a lambda's [captures] (parameters) specifiers -> type."""
    for back in range(index - 1, -1, -1):
        item = items[back]
        if isinstance(item, Group):
            if item.kind == "[" and is_lambda(items, back):
                return True
            if item.kind == "{":
                return False
        elif item[0] in {",", ";", "="}:
            return False
    return False


def statements(block):
    """Each statement of a block as a list of items, and the blocks that they hold, such as an if's."""
    items, start = block.items, 0
    for index, item in enumerate(items):
        if isinstance(item, Group):
            if item.kind == "{" and not lambda_body(items[start:index + 1], index - start) and is_block(items, index, start):
                yield items[start:index], item
                start = index + 1
        elif item[0] == ";":
            yield items[start:index], None
            start = index + 1
    yield items[start:], None


def check(block, report):
    for statement, body in statements(block):
        found, suspects, blocks = awaits(statement)
        if found:
            for what, offset in suspects:
                report(what, offset)
        for inner in blocks + ([body] if body else []):
            check(inner, report)


def lint(files):
    findings = []
    for path, text in tidy.code(files).items():
        if "co_await" not in text:
            continue
        top = parse(tidy.without_comments_and_strings(text))
        check(top, lambda what, offset: findings.append(
            f"{path}:{tidy.line_of(text, offset)}: a {what} in a statement with co_await; name it in a statement of its own"))
    return findings


def body(*lines):
    return {"host/server/a.cpp": "awaitable<void> f(int x) {\n" + "\n".join(lines) + "\n}\n"}


if __name__ == "__main__":
    tidy.main(lint, refused=[
        body("co_await co_spawn(ex, [x]() -> awaitable<void> { co_return; }, use_awaitable);"),
        body("co_await g([&] { return x; });"),
        body("co_await g(Options{x});"),
        body("co_await g({1, 2, 3});"),
        body("co_await g({.a = 1});"),
        body("auto r = h(Agg{x}, co_await g());"),
        body("if (auto r = co_await g(Agg{x}); r) { h(); }"),
        body("while (co_await g(std::array<int, 2>{1, 2})) h();"),
        body("if (x) { if (co_await g()) { co_await g(Agg{}); } }"),
        body("auto f = [x]() -> awaitable<void> { co_await g({1}); };"),
        {"tests/a.cpp": "TEST(A, B) {\n    run([&]() -> awaitable<void> { co_await g([x] {}); });\n}\n"},
        {"host/a.cpp": "struct A {\n    awaitable<int> f() override { co_return co_await g(B{}); }\n};\n"},
    ], accepted=[
        body("auto work = [x] { return x; };", "co_await g(std::move(work));"),
        body("const Options options{x};", "co_await g(options);"),
        body("if (co_await g()) { h({1, 2}); } else { co_await g(a[1], b[x]); }"),
        body("for (auto& one : all) { co_await g(one); }"),
        body("auto f = [x]() -> awaitable<void> { co_await g(); };"),
        body("run([x]() -> awaitable<void> { co_await g(); }, Agg{1});"),
        body('co_await g("[x] { }");  // not [x] {'),
        body("try { co_await g(); } catch (const std::exception& e) { h(Agg{1}); }"),
        {"host/a.cpp": "namespace soho {\nstruct A {\n    int b{1};\n    A() : b{2} {}\n    awaitable<int> f() { co_return co_await g(); }\n};\n}\n"},
        {"host/a.cpp": "template <class T> auto f(T t) -> awaitable<T> { co_return co_await t(); }\n"},
    ])
