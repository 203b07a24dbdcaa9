"""`soho gen`: what it writes compiles, runs against a real host, passes mypy, stays the same, and is safe whatever a host says."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import soho_e2e  # noqa: E402

BIN = os.environ["SOHO_TEST_BIN_DIR"]
SOURCE = os.environ["SOHO_TEST_SOURCE_DIR"]
sys.path.insert(0, SOURCE + "/clients/python")


def soho(*words, host=None, code=0):
    """What it prints; what it complains about where it is to end with another code than 0."""
    command = [BIN + "/soho"] + (["--host", host] if host else []) + list(words)
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=60, stdin=subprocess.DEVNULL)
    if done.returncode != code:
        raise AssertionError(f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout if code == 0 else done.stderr


def parameter(name, word="any", **more):
    return {"name": name, "type": word, "doc": "", **more}


def description(type_id="Thing", methods={}, **more):
    """As `soho --json describe` has it."""
    full = {name: {"args": [], "returns": "nil", "doc": "", "flags": [], **method} for name, method in methods.items()}
    return {"type": type_id, "version": [1, 0], "doc": "", "proxytype": "AutoProxy", "create_method": True, "plugin": "p", "args": [],
            "methods": full, **more}


class Generated(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="soho-gen-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8", newline="") as file:
            return file.read()

    def of(self, language, *descriptions):
        """What is written of these descriptions."""
        file = self.write("types.json", json.dumps(list(descriptions)))
        return soho("gen", language, "--from", file)

    def compile(self, program, *headers, run=None):
        """Compiles a program against generated headers, with warnings as errors; runs it with a host's address."""
        source = self.write("program.cpp", "".join(f'#include "{name}"\n' for name in headers) + textwrap.dedent(program))
        flags = [*os.environ["SOHO_TEST_CXX_FLAGS"].split(), "-std=c++20", "-O0", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror", f"-I{self.folder}",
                 f"-I{SOURCE}/sdk/include", f"-I{SOURCE}/clients/cpp/include"]
        compiler, library = os.environ["SOHO_TEST_CXX"], os.environ["SOHO_TEST_CLIENT_LIBRARY"]
        if run is None:
            command = [compiler, *flags, "-fsyntax-only", source]
        else:
            command = [compiler, *flags, source, library, f"-Wl,-rpath,{os.path.dirname(library)}", "-o", self.path("program")]
        built = subprocess.run(command, capture_output=True, text=True, timeout=280)
        self.assertEqual(built.returncode, 0, built.stderr)
        if run is None:
            return ""
        done = subprocess.run([self.path("program"), run], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def run_python(self, program, *words):
        environment = {**os.environ, "PYTHONPATH": self.folder + ":" + SOURCE + "/clients/python"}
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(program), *words], capture_output=True, text=True, timeout=60,
                              env=environment)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def check_types(self, *files):
        """mypy, strictly."""
        try:
            import mypy.api
        except ImportError:
            self.skipTest("mypy is not here")
        environment = os.environ.get("MYPYPATH")
        os.environ["MYPYPATH"] = SOURCE + "/clients/python:" + self.folder
        try:
            out, err, code = mypy.api.run(["--strict", "--config-file", SOURCE + "/clients/python/pyproject.toml", "--cache-dir", self.path("cache"), *files])
        finally:
            os.environ.pop("MYPYPATH")
            if environment is not None:
                os.environ["MYPYPATH"] = environment
        self.assertEqual(code, 0, out + err)


class OfAHost(Generated):
    @classmethod
    def setUpClass(cls):
        bundled = os.environ["SOHO_TEST_BUNDLED_PLUGIN_DIR"]
        cls.host = soho_e2e.Host(bundled + "/pair.so", bundled + "/sync.so", *map(soho_e2e.plugin, ("kinds", "objects", "reply")))
        cls.address = cls.host.address

    @classmethod
    def tearDownClass(cls):
        cls.host.stop()

    def test_cpp_for_every_bundled_type_is_used(self):
        for plugin in ("pair", "sync"):
            types = [each["type"] for each in json.loads(soho("--json", "types", host=self.address)) if each["plugin"] == plugin]
            soho("gen", "cpp", *types, "-o", self.path(f"{plugin}.hpp"), host=self.address)
        output = self.compile("""
            #include <cstdio>
            int main(int, char** words) {
                const auto client = soho::Client::connect(words[1]);
                const auto pair = PairProxy::create(client, 1, 2);
                pair.set_x(40);
                std::printf("%d ", static_cast<int>(pair.get_x() + pair.get_y()));
                const auto shared = client.open<GetPairProxy>("pair");
                std::printf("%d ", static_cast<int>(shared.with(soho::timeout{std::chrono::seconds(5)}).get_y()));

                const auto queue = QueueProxy::create(client);
                queue.put("item");
                queue.put(3, true, 1.5);
                const std::string item = queue.get().as<std::string>();
                std::printf("%s %d ", item.c_str(), static_cast<int>(queue.qsize()));

                const auto list = ListProxy::create(client, soho::Value::Array{1, 2});
                const auto iterator = list.iter();
                std::printf("%d ", iterator.next().as<int>());
                const auto dict = DictProxy::create(client);
                dict.setitem("a", list);
                std::printf("%zu\\n", static_cast<std::size_t>(dict.len()));
            }
            """, "pair.hpp", "sync.hpp", run=self.address)
        self.assertEqual(output, "42 6 item 1 1 1\n")

    def test_cpp_for_the_test_plugins_compiles(self):
        soho("gen", "cpp", "-o", self.path("all.hpp"), host=self.address)
        self.compile("int main() {}", "all.hpp")

    def test_python_is_used(self):
        soho("gen", "python", "-o", self.path("proxies.py"), host=self.address)
        program = """
            import sys
            import soho
            import proxies

            with soho.Client(sys.argv[1]) as client:
                pair = proxies.Pair.create(client, 1, y=2)
                pair.set_x(x=40)
                shared = client.open("pair", proxies.GetPair)
                queue = proxies.Queue.create(client)
                queue.put("item", timeout=2)
                client.use(proxies.Iterator)
                numbers = proxies.List.create(client, [1, 2])
                iterator = numbers.__iter__()
                print(pair.get_x() + pair.get_y(), shared.get_y(), queue.get(), queue.qsize(), type(iterator).__name__, next(iterator),
                      len(numbers), 2 in numbers, numbers[1])
                try:
                    client.open("pair", proxies.Pair)
                except TypeError as error:
                    print(error)
            """
        self.assertEqual(self.run_python(program, self.address),
                         "42 6 item 0 Iterator 1 2 True 2\n'pair' is a get_pair, not a Pair\n")

    def test_python_passes_mypy(self):
        soho("gen", "python", "-o", self.path("proxies.py"), host=self.address)
        program = self.write("program.py", textwrap.dedent("""
            import soho
            import proxies

            def sum_of(client: soho.Client) -> int:
                pair = proxies.Pair.create(client, 1, 2)
                return pair.get_x() + client.open("pair", proxies.GetPair).get_y()
            """))
        self.check_types(self.path("proxies.py"), program)

    def test_another_major_version_is_refused(self):
        code = soho("gen", "python", "Pair", host=self.address)
        self.write("old.py", code.replace("_version = (1, 0)", "_version = (2, 3)"))
        program = """
            import sys
            import soho
            import old
            with soho.Client(sys.argv[1]) as client:
                try:
                    old.Pair.create(client, 1, 2)
                except TypeError as error:
                    print(error)
            """
        self.assertEqual(self.run_python(program, self.address), "the type Pair has version 1.0, but its class Pair was written for "
                         "version 2.3: the major versions must be the same\n")

    def test_check_tells_whether_a_file_would_change(self):
        file = self.path("pair_proxy.hpp")
        soho("gen", "cpp", "Pair", "-o", file, host=self.address)
        before = self.read("pair_proxy.hpp")
        self.assertEqual(soho("gen", "cpp", "Pair", "--check", file, host=self.address), "")
        self.assertEqual(soho("gen", "cpp", "Pair", host=self.address), before)
        self.assertTrue(before.startswith("// Made by `soho gen cpp Pair`: not to be edited. It belongs in version control"))
        self.write("pair_proxy.hpp", before + "\n")
        self.assertIn("is not what would be written now", soho("gen", "cpp", "Pair", "--check", file, host=self.address, code=1))
        self.assertEqual(self.read("pair_proxy.hpp"), before + "\n", "and it writes nothing")
        self.assertIn("cannot read", soho("gen", "cpp", "Pair", "--check", file + "x", host=self.address, code=1))

    def test_a_file_of_descriptions_gives_the_same(self):
        for name, words in (("one.json", ("describe", "Pair")), ("all.json", ("types",))):
            file = self.write(name, soho("--json", *words, host=self.address))
            here = soho("gen", "python", "Pair", "--from", file).splitlines()
            self.assertEqual(here[1:], soho("gen", "python", "Pair", host=self.address).splitlines()[1:])
            self.assertIn(f"`soho gen python Pair --from {name}`", here[0])

    def test_wrong_words_are_refused(self):
        self.assertIn("gen knows cpp and python, not 'rust'", soho("gen", "rust", host=self.address, code=2))
        self.assertIn('no type "Pare"; did you mean "Pair"?', soho("gen", "cpp", "Pare", host=self.address, code=1))
        self.assertIn("'a b' is no type", soho("gen", "cpp", "a b", host=self.address, code=2))
        file = self.write("none.json", "[]")
        self.assertIn("has no type 'Pair'", soho("gen", "cpp", "Pair", "--from", file, code=2))
        self.assertIn("none.json", soho("gen", "cpp", "--from", self.write("none.json", "{"), code=1))
        self.assertIn(f"cannot read {self.folder}: Is a directory", soho("gen", "cpp", "--from", self.folder, code=1))
        self.assertIn(f"cannot read {self.folder}: Is a directory", soho("gen", "cpp", "Pair", "--check", self.folder, host=self.address, code=1))
        self.assertIn("cannot write", soho("gen", "cpp", "-o", "/proc/none/x.hpp", host=self.address, code=1))


class OfNothing(Generated):
    def test_wrong_words_are_refused_before_a_host_is_looked_for(self):
        nobody = "unix:" + self.path("nobody")
        self.assertIn("gen knows cpp and python, not 'cobol'", soho("gen", "cobol", host=nobody, code=2))
        self.assertIn("'a b' is no type", soho("gen", "cpp", "a b", host=nobody, code=2))
        self.assertIn("nobody", soho("gen", "cpp", host=nobody, code=3))


class OfAPlugin(Generated):
    def test_a_file_may_be_called_as_an_option(self):
        """The tool gets it as a file."""
        plugin = os.environ["SOHO_TEST_BUNDLED_PLUGIN_DIR"] + "/pair.so"
        os.symlink(plugin, self.path("-x.so"))
        before = os.getcwd()
        os.chdir(self.folder)
        self.addCleanup(os.chdir, before)
        self.assertIn("struct PairProxy", soho("gen", "cpp", "Pair", "--plugin=-x.so"))

    def test_the_tool_is_asked(self):
        """By a stand-in for soho-plugin, found by PATH, where there is none beside the command."""
        plugin = os.environ["SOHO_TEST_BUNDLED_PLUGIN_DIR"] + "/pair.so"
        if not os.path.exists(BIN + "/soho-plugin"):
            types = self.write("types.json", json.dumps({"file": "pair.so", "types": [description("Pair")]}))
            tool = self.write("soho-plugin", f'#!/bin/sh\n[ "$1 $2" = "inspect --json" ] && cat {types}\n')
            os.chmod(tool, 0o755)
            before = os.environ["PATH"]
            os.environ["PATH"] = self.folder + ":" + before
            self.addCleanup(os.environ.__setitem__, "PATH", before)
        code = soho("gen", "cpp", "Pair", "--plugin", plugin)
        self.assertIn("struct PairProxy", code)
        self.assertIn("`soho gen cpp Pair --plugin pair.so`", code)


# Everything that a text could try, to get out of a comment, a docstring or a literal.
HOSTILE = ['*/ int evil; /*', '"""\nimport os; os.system("x")\n"""', "\\", "ends with \\", "\\\\\"", 'ends with "', '""', '""""', "a\rint evil;",
           "a\u2028int evil;", "a\u2029b", "a\x85b", "a\x0cb", "a\x0bb", "\x00", "??/", "%s{}", "\u202e evil", "line\\\nnext", "'''", "\\u0022",
           "\\N{QUOTATION MARK}", "R\"(", "a\\ ", "#define x y\n#include <evil>"]


class OfAHostileHost(Generated):
    def hostile(self, text):
        return description("Thing", doc=text, args=[parameter("x", "str", default=text, doc=text)], plugin=text, proxytype=text, methods={
            "say": {"doc": text, "returns": text, "flags": [text], "returns_typeid": text,
                    "args": [parameter("a", text, doc=text), parameter(text, "any", default=text, kind=text)]},
            text: {"doc": text}})

    def test_texts_stay_texts_in_python(self):
        import ast
        for text in HOSTILE:
            with self.subTest(text=text):
                code = self.of("python", self.hostile(text))
                tree = ast.parse(code)
                kinds = [type(node).__name__ for node in tree.body]
                self.assertEqual(kinds, ["ImportFrom", "ImportFrom", "Import", "Assign", "ClassDef"])
                thing = tree.body[-1]
                self.assertEqual({type(node).__name__ for node in thing.body}, {"Expr", "Assign", "FunctionDef"})
                self.assertEqual([node.name for node in thing.body if isinstance(node, ast.FunctionDef)], ["create", "say"])
                defaults = [node.args.defaults for node in thing.body if isinstance(node, ast.FunctionDef)][0]
                default = eval(compile(ast.Expression(defaults[0]), "default", "eval"), {"__builtins__": {}})
                self.assertEqual(default, text)

    def test_texts_stay_texts_in_cpp(self):
        # All in one file, for the compiler's time; what gets out of its place would not compile, or would be seen.
        things = []
        for number, text in enumerate(HOSTILE):
            thing = self.hostile(text)
            thing["type"] = f"Thing{number}"
            things.append(thing)
        self.write("hostile.hpp", self.of("cpp", *things))
        code = self.read("hostile.hpp")
        for line in code.splitlines():
            before_comment = line.split("//")[0]
            if "evil" in before_comment:
                self.assertRegex(before_comment, r'= "[^"]*evil', "only in a literal")
            self.assertFalse(line.rstrip().endswith("\\"), line)
        self.compile("int evil = 1; int main() {}", "hostile.hpp")
        self.assertNotRegex(code, "[\\x00-\\x09\\x0b-\\x1f\\x7f\u0085\u2028\u2029\u202e]")

    def test_names_that_are_none_are_left_out(self):
        for name in ("a b", "x;system()", "", "9x", "a.b", "é", "a\n"):
            for language in ("cpp", "python"):
                code = self.of(language, description(methods={name: {}, "fine": {}}))
                self.assertIn("Left out: a method whose name is no identifier.", code)
                self.assertIn("fine", code)
        for type_id in ("a b", "", "soho.x", "x;"):
            file = self.write("types.json", json.dumps([description(type_id)]))
            self.assertIn("a type's name is none that code is made of", soho("gen", "cpp", "--from", file, code=1))

    def test_words_that_are_no_types_are_any(self):
        for word in ("list[" * 2000, "list[", "a|", "[]", "]", "x" * 100000, "map[a]", "?", "|", "tuple[]", "list[str", "1", "str str", "list[str]]"):
            cpp = self.of("cpp", description(methods={"f": {"returns": word, "args": [parameter("a", word)]}}))
            self.assertIn("soho::Value f(const soho::Value& a) const", cpp)
            self.assertIn("def f(self, a: Any) -> Any:", self.of("python", description(methods={"f": {
                "returns": word, "args": [parameter("a", word)]}})) if word != "tuple[]" else "def f(self, a: Any) -> Any:")


class Names(Generated):
    def test_keywords_get_an_underscore(self):
        words = ["class", "delete", "from", "lambda", "None", "template", "call", "create", "id", "soho", "std", "list"]
        thing = description(methods={word: {"args": [parameter(word)]} for word in words})
        self.write("words.hpp", self.of("cpp", thing))
        self.compile("void use(const ThingProxy& thing) { thing.class_(1); thing.delete_(1); thing.call_(1); thing.from(1); }", "words.hpp")
        code = self.of("python", thing)
        self.write("words.py", code)
        self.assertIn("def from_(self, from_: Any) -> None:", code)
        self.assertIn('self._callmethod("lambda", (lambda_,))', code)
        self.check_types(self.path("words.py"))

    def test_names_never_meet(self):
        thing = description(methods={"copy": {}, "__copy__": {}, "copy_": {}, "_Big": {}, "a__b": {}, "a_b": {}})
        thing["methods"]["f"] = {"args": [parameter(name) for name in ("__a", "__a__", "_B", "a_", "a__b", "self", "class", "_", "__", "__1")]}
        others = [description(name) for name in ("lab.Pair", "lab_Pair", "LabPair", "int", "soho_x")]
        self.write("names.hpp", self.of("cpp", thing, *others))
        self.compile("int main() {}", "names.hpp")
        self.write("names.py", self.of("python", thing, *others))
        self.check_types(self.path("names.py"))

    def test_names_that_the_code_itself_says(self):
        """Of parameters, of classes, and of what is called without waiting: each legal on the wire, all in one file."""
        oneway = {"flags": ["oneway"], "args": [parameter("x")]}
        arguments = [parameter(name) for name in ("client", "cls", "made", "_result", "TProxy", "T", "Further", "int", "soho", "Any")]
        rest = [parameter("Further"), parameter("client", kind="args"), parameter("cls", kind="kwargs")]
        things = [
            description("T", args=arguments, methods={
                "TProxy": {"returns": "T"}, "T": {"returns": "Other"}, "OtherProxy": {}, "Other": {}, "Further": {"args": rest},
                "f": {"returns": "list[int64]", "args": arguments}, "g": {"returns": "Other", "args": [parameter("Other"), parameter("OtherProxy")]},
                "h": {"returns": "object", "args": [parameter("list"), parameter("dict"), parameter("str")]}}),
            description("Other", args=rest, methods={"set": oneway, "notify_set": oneway, "notify_notify_set": {}, "notify_set_": {}, "T": {}}),
        ]
        self.write("said.hpp", self.of("cpp", *things))
        self.compile("""
            void use(const soho::Client& client, const TProxy& thing, const OtherProxy& other) {
                const TProxy another = TProxy::create(client, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
                const OtherProxy with_rest = OtherProxy::create(client, "first", 1, "two");
                OtherProxy result = thing.T();
                thing.TProxy_();
                thing.Further_("first", 1, "two");
                other.set(1);
                other.notify_set(1);
                other.notify_set_2(2);
                other.notify_notify_set();
                other.notify_notify_set_(3);
            }
            """, "said.hpp")
        code = self.of("python", *things)
        self.write("said.py", code)
        self.assertIn("def create(cls, client: soho.Client, /, client_: Any, cls_: Any, made_: Any, result_: Any, TProxy: Any, T_: Any", code)
        self.assertIn("def create(cls, client: soho.Client, /, Further: Any, *client_: Any, **cls_: Any) -> Other:", code)
        program = self.write("use.py", textwrap.dedent("""
            import soho
            import said

            def use(client: soho.Client) -> said.Other:
                thing = said.T.create(client, *range(10))
                numbers: list[int] = thing.f(*range(10))
                other: said.Other = thing.g(1, 2)
                return said.Other.create(client, "first", 1, 2, client=3)
            """))
        self.check_types(self.path("said.py"), program)

    def test_no_name_is_a_macro(self):
        """Of none that the compiler knows behind a generated header."""
        self.write("empty.hpp", self.of("cpp", description()))
        source = self.write("macros.cpp", '#include "empty.hpp"\n')
        command = [os.environ["SOHO_TEST_CXX"], *os.environ["SOHO_TEST_CXX_FLAGS"].split(), "-std=gnu++20", "-dM", "-E", f"-I{self.folder}",
                   f"-I{SOURCE}/sdk/include", f"-I{SOURCE}/clients/cpp/include", source]
        macros = set(re.findall(r"^#define (\w+)", subprocess.run(command, capture_output=True, text=True, check=True).stdout, re.MULTILINE))
        self.assertLessEqual({"offsetof", "EINTR", "INT64_C", "WEXITSTATUS", "errno"}, macros)
        words = sorted(macros)
        code = self.of("cpp", description("T", methods={word: {} for word in words}),
                       description("U", methods={"f": {"args": [parameter(word) for word in words]}}))
        self.assertEqual(len(re.findall(r"^    void \w+\(\) const", code, re.MULTILINE)), len(words))
        self.assertEqual(macros & set(re.findall(r"\w+", re.sub(r'"\w+"|//.*|#\w+.*', "", code))), set())

    def test_order_is_that_of_names(self):
        one, two = description("A", methods={"b": {}, "a": {}}), description("B")
        again = description("A", methods={"a": {}, "b": {}})
        for language in ("cpp", "python"):
            self.assertEqual(self.of(language, one, two), self.of(language, two, again))


class Signatures(Generated):
    thing = description("Thing", proxytype="ThingView", version=[3, 4], doc="A thing.\n\nOf two lines.", methods={
        "f": {"returns": "list[int64]", "doc": "Does f.", "flags": ["idempotent", "blocking", "readonly"], "args": [
            parameter("a", "str", doc="the first"), parameter("b", "int64?", default=None), parameter("c", "list[str]", default=["x"]),
            parameter("d", "float64", default=2)]},
        "g": {"returns": "any", "args": [parameter("a", "int8"), parameter("rest", kind="args"), parameter("more", kind="kwargs")]},
        "later": {"returns": "Zebra", "returns_typeid": "Zebra"},
        "elsewhere": {"returns": "Other", "returns_typeid": "Other"},
        "take": {"args": [parameter("zebra", "Zebra"), parameter("any_one", "object"), parameter("when", "seconds", default=1)]},
        "log": {"flags": ["oneway"], "args": [parameter("line", "str")]},
        "both": {"returns": "int64 | str", "args": [parameter("m", "map[str, list[bytes]]"), parameter("t", "tuple[int64, str]")]},
    })

    def test_in_cpp(self):
        code = self.of("cpp", self.thing, description("Zebra", create_method=False))
        self.write("things.hpp", code)
        self.compile("""
            static_assert(ThingProxy::version.major == 3 && ThingProxy::version.minor == 4);
            static_assert(ThingProxy::proxytype == "ThingView" && ThingProxy::type_id == "Thing");
            template <class T> concept Creatable = requires(const soho::Client& client) { T::create(client); };
            static_assert(Creatable<ThingProxy> && !Creatable<ZebraProxy>);
            void use(const ThingProxy& thing, const ZebraProxy& zebra, const soho::Proxy& other) {
                std::vector<std::int64_t> all = thing.f("a");
                all = thing.f("a", 5);
                all = thing.f("a", {}, {"x", "y"});
                all = thing.f("a", {}, {"x"}, 2.5);
                soho::Value any = thing.g(1, "x", 2, zebra);
                ZebraProxy later = thing.later();
                soho::Proxy elsewhere = thing.elsewhere();
                thing.take(zebra, other);
                thing.take(later, elsewhere, std::chrono::seconds(2));
                thing.log("x");
                thing.notify_log("x");
                any = thing.both({{"a", {}}}, {1, "x"});
            }
            """, "things.hpp")
        self.assertIn("// Does f.\n    // May block in the host", code)
        self.assertIn("    // a: the first\n", code)

    def test_in_python(self):
        code = self.of("python", self.thing, description("Zebra", create_method=False))
        self.write("things.py", code)
        program = self.write("use.py", textwrap.dedent("""
            import soho
            import things

            def use(client: soho.Client, zebra: things.Zebra) -> None:
                thing = things.Thing.create(client)
                numbers: list[int] = thing.f("a")
                numbers = thing.f("a", None, ["x"], 2.5)
                thing.g(1, 2, 3, word=4)
                later: things.Zebra = thing.later()
                elsewhere: soho.Proxy = thing.elsewhere()
                thing.take(later, elsewhere, when=2)
                word: int | str = thing.both({"a": [b""]}, (1, "x"))
            """))
        self.check_types(self.path("things.py"), program)
        self.assertNotIn("def create", code.split("class Zebra")[1])
        self.assertIn("_version = (3, 4)", code)


if __name__ == "__main__":
    unittest.main()
