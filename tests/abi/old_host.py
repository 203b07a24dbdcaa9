"""old_host.py OLD-TREE NEW-BUILD: the host of an earlier state serves today's plugins, and passes its own tests with them.

OLD-TREE is that state's sources with its host built in build/release, as ./dev test-abi makes it.
"""
import contextlib
import os
import pathlib
import subprocess
import sys

OLD, NEW = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
os.environ.update(SOHO_TEST_BIN_DIR=str(OLD / "build" / "release" / "bin"), SOHO_TEST_BUILD_DIR=str(NEW),
                  SOHO_TEST_BUNDLED_PLUGIN_DIR=str(NEW / "plugins"), SOHO_TEST_PLUGIN_DIR=str(NEW / "test-plugins"))
sys.path.insert(0, str(OLD / "tests" / "support"))  # which knows that host's flags
import soho_e2e as e2e

# What of an earlier state's tests needs its host and plugins alone. Those that a state does not have are not run.
TESTS = ["kept_plugins", "story", "parameters", "values", "replies", "lifetime", "sync_values", "sync_containers", "sync_locks",
         "sync_queues", "sync_nesting"]


@contextlib.contextmanager
def hosted(*plugins):
    host = e2e.Host(*plugins)
    try:
        client = host.client()
        refused = client.do("soho.health")["refused_plugins"]
        assert refused == [], refused
        yield client
    finally:
        host.stop()
    for plugin in plugins:
        print(f"{plugin.name} of today is served")


def serves_all_plugins():
    with hosted(e2e.BUNDLED / "pair.so", e2e.BUNDLED / "sync.so", *map(e2e.plugin, ("kinds", "reply", "pure_c"))) as client:
        assert client.do("pair.get_x") == 5
        words = client.create("list", ["a"])
        client.call(words, "append", "b")
        assert client.call(words, "pop") == "b"
        assert client.call(client.create("Kinds"), "echo_int64", -7) == -7
        assert client.call(client.create("CCounter", 40), "add", 2) == 42
        mailbox = client.create("Mailbox")
        waiting = client.start(mailbox, "get")
        client.call(mailbox, "put", "a letter")
        assert client.reply(waiting) == "a letter"
    with hosted(e2e.plugin("objects")) as client:  # has an Iterator, too
        account = client.create("Account", 5)
        client.call(client.create("Bank"), "add", account)
        assert client.call(account, "get") == 5


def passes_its_own_tests():
    failed, ran = [], 0
    for name in TESTS:
        test = OLD / "tests" / "e2e" / f"{name}_test.py"
        if test.exists():
            print(f"== {test.name} of that state", flush=True)
            ran += 1
            if subprocess.run([sys.executable, "-B", test]).returncode != 0:
                failed.append(name)
    if not ran:
        sys.exit("old_host.py: that state has no tests of its own")
    if failed:
        sys.exit(f"old_host.py: with today's plugins that state's host fails: {', '.join(failed)}")
    print(f"{ran} of that state's tests passed with them")


serves_all_plugins()
passes_its_own_tests()
