"""`soho plugin check` finds each defect that is planted in the plugins of the tests, names the place, and finds nothing in our own
plugins."""
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import soho_e2e as e2e

TOOL = e2e.BIN / "soho-plugin"
SEED = 5
SANITIZED = "SOHO_TEST_SANITIZED" in os.environ

# What is wrong where, by file. Each is a defect that somebody planted there on purpose.
CRASHES = ("segv", "segv_on_pool", "abort", "abort_on_a_broken_stack", "overflow", "in_a_thread")
MALFORMED = ("never_used_byte", "cut_short", "cut_string", "two_values", "huge_array", "huge_map", "nothing", "bad_handle",
             "unknown_handle", "deep", "too_large", "failed_without_reason", "pending_without_defer", "unknown_status")
PLANTED = {
    "crash": [("crash", f"Crash.{name}") for name in CRASHES] + [("crash", "CrashEnd's destructor")],
    "hazard": [("crash", "Hazard.segv"), ("crash", "Hazard.abort"), ("exit", "Hazard.exit"), ("crash", "Hazard.throw_in_a_thread"),
               ("crash", "Hazard.corrupt_heap"), ("hang", "Hazard.spin"), ("deaf", "Hazard.sleep"), ("leak", "Hazard.leak"),
               ("processes", "Hazard.fork_a_stray"), ("logged_argument", "Hazard.print"), ("logged_argument", "Hazard.log"),
               ("descriptors", "Hazard.open_files"), ("descriptors", "Hazard.close_all"), ("crash", "HazardEnd's destructor")],
    "stall": [("hang", "Stall.hold0"), ("hang", "StallEnd's destructor"), ("hang", "StallCreate0()")],
    "chatter": [("logged_argument", "Chatter.say")],
    "everything_empty": [("unusable", "Nothing"), ("unusable", "Closed"), ("unusable", "Private")],
    "reply": [("kept_reply", "Mailbox.never"), ("dropped_reply", "Mailbox.drop"), ("completed_twice", "Mailbox.twice"),
              ("blocks", "SlowEnd's destructor"), ("hang", "SlowForever()")],
    "malformed_result": [("result", f"Malformed.{name}") for name in MALFORMED],
    "planted/leaves": [("leak", "LeavesMemory"), ("leak", "LeavesMemoryInUse.take"), ("descriptors", "LeavesFiles"),
                       ("descriptors", "LeavesFilesInUse.open"), ("threads", "LeavesThreads.nothing"), ("stuck_objects", "Keeps")],
    "planted/hasty": [("concurrent", "Torn"), ("concurrent", "Crossed")],
    "planted/late": [("kept_reply", "Late.never"), ("dropped_reply", "Late.drop"), ("completed_twice", "Late.twice"),
                     ("hang", "Late.stubborn"), ("callback_threw", "Late.throws_later"), ("deaf", "Late.deaf")],
    "planted/slow": [("load_time", "load()"), ("blocks", "Slow.nap_undeclared"), ("hang", "Slow.hang"), ("blocks", "SlowToCome()"),
                     ("uncreated", "NeverComes"), ("blocks", "SlowToGo's destructor"), ("hang", "NeverGoes's destructor"),
                     ("crash", "ThrowsAtItsEnd's destructor"), ("unload", "stop() and unload()")],
    "planted/forgets": [("state", "LosesY's state"), ("state", "NotSaved's state"), ("state", "NotLoaded's state"),
                        ("state", "Changes's state"), ("crash", "Crashes's state")],
    "planted/crash_in_load": [("crash", "load()")],
    "planted/wrong_size": [("sizes", "soho_plugin_entry()")],
    "planted/unchecked": [("unchecked_argument", "Unchecked.add")],
    "planted/exports_more": [("exports", ""), ("unique", "")],
    "bad/undefined_symbol": [("undefined", "")],
    "bad/missing_entry": [("exports", "")],
    **{f"bad/{name}": [("file", "")] for name in ("no_note", "wrong_abi", "not_elf", "empty", "truncated", "truncated_header")},
    **{f"bad/{name}": [("refused", "")]
       for name in ("wrong_table_abi", "null_table", "name_mismatch", "unknown_critical_flag", "throws_in_load", "duplicate_types",
                    "unknown_mapping", "unexposed_mapping", "exposed_without_method", "ambiguous_result")},
}
# What is found when arguments fit, which the seed decides; with each of these as well as with the one above.
BY_ARGUMENTS = ("hazard", "planted/leaves", "chatter", "planted/unchecked")
OTHER_SEEDS = (1, 4, 9)
# What only looks like a defect, or is another one's doing.
NOT_DEFECTS = {("callback_threw", "Late.harmless"), ("hang", "NeverGoes.well"), ("crash", "ThrowsAtItsEnd.well"),
               ("hang", "NeverGoes()"), ("crash", "ThrowsAtItsEnd()"), ("crash", "ThrowsAtItsEnd")}
# A sanitizer's runtime ends these by itself, or stands in the way of the defect.
NOT_WITH_SANITIZER = {"planted/exports_more", "planted/hasty"}


def check(*files, seed=SEED, patience=None, args=()):
    patience = patience or (10 if SANITIZED else 1)
    done = subprocess.run([TOOL, "check", "--json", "--seed", str(seed), "--patience", str(patience), "--time", "200", *args,
                           *map(str, files)], capture_output=True, text=True)
    assert done.stderr == "", done.stderr
    report = json.loads(done.stdout)
    return done.returncode, report


def pairs(report):
    return {(finding["check"], finding["where"]) for finding in report["findings"]}


class PlantedDefects(unittest.TestCase):
    def look_for(self, planted, seed):
        """Each of them is found with that seed."""
        names = [name for name in planted if not (SANITIZED and name in NOT_WITH_SANITIZER)]
        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:  # most of it is waiting for what hangs
            missed = sum(pool.map(lambda name: self.missed(name, planted[name], seed), names), [])
        wanted = sum(len(planted[name]) for name in names)
        print(f"found {wanted - len(missed)} of {wanted} planted defects in {time.monotonic() - began:.0f} s, seed {seed}")
        self.assertEqual(missed, [], f"seed {seed}")

    def missed(self, name, defects, seed):
        code, report = check(e2e.plugin(name), seed=seed)
        self.assertEqual(code, 1, name)
        for finding in report["findings"]:
            self.assertTrue(finding["what"] and finding["mend"], finding)
            self.assertNotIn((finding["check"], finding["where"]), NOT_DEFECTS, name)
        found = pairs(report)
        if not found.issuperset(defects):  # a busy machine may have taken a slow method for one that hangs
            found |= pairs(check(e2e.plugin(name), seed=seed, patience=10)[1])
        return [(name, *defect) for defect in defects if defect not in found]

    def test_each_is_found_where_it_is(self):
        self.look_for(PLANTED, SEED)

    def test_each_that_needs_the_right_arguments_is_found_whatever_the_seed(self):
        for seed in OTHER_SEEDS:
            self.look_for({name: PLANTED[name] for name in BY_ARGUMENTS}, seed)

    def test_the_fence_of_callbacks_is_known_by_all_that_it_says(self):
        said = set()
        for header in (e2e.ROOT / "sdk/include/soho/plugin").glob("*.hpp"):
            said |= set(re.findall(r'(?:make_task|log_current)\([^"\n]*"([^"]+)"', header.read_text()))
        source = (e2e.ROOT / "host/tool/prober_traces.cpp").read_text()
        known = source[source.index("fenced[] = {"):]
        self.assertGreater(len(said), 6)
        self.assertEqual(said, set(re.findall(r'"([^"]+)"', known[:known.index("};")])))

    def test_every_check_of_the_table_has_a_defect_that_it_finds(self):
        listed = subprocess.run([TOOL, "check", "--list"], capture_output=True, text=True, check=True).stdout
        ids = {line.split(":")[0] for line in listed.splitlines() if not line.startswith(" ")}
        planted = {defect for defects in PLANTED.values() for defect, _ in defects}
        # The others have a test of their own below, or look after the check itself.
        self.assertEqual(ids - planted, {"unreadable", "trust", "clash", "stripped", "time"})

    def test_a_file_that_is_not_there(self):
        code, report = check("/nonexistent/there-is-none.so")
        self.assertEqual((code, pairs(report)), (1, {("unreadable", "")}))
        self.assertIn("No such file", report["findings"][0]["what"])
        self.assertIn("name the plugin's .so", report["findings"][0]["mend"])

    def test_a_file_that_others_may_write(self):
        with tempfile.TemporaryDirectory() as folder:
            file = shutil.copy(e2e.PAIR, folder)
            os.chmod(file, 0o775)
            code, report = check(file, patience=10)
        self.assertEqual((code, pairs(report)), (1, {("trust", "")}))
        self.assertIn("chmod", report["findings"][0]["what"])

    def test_plugins_that_clash(self):
        code, reports = check(e2e.BAD / "taken_typeid.so", e2e.plugin("kinds"))
        self.assertEqual(code, 1)
        self.assertIn(("clash", "Kinds"), pairs(reports[1]))

    def test_a_file_without_section_headers(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(shutil.copy(e2e.PAIR, folder))
            data = bytearray(file.read_bytes())
            data[0x28:0x30] = bytes(8)  # e_shoff
            data[0x3c:0x40] = bytes(4)  # e_shnum, e_shstrndx
            file.write_bytes(data)
            file.chmod(0o755)
            code, report = check(file, patience=10)
        self.assertEqual((code, pairs(report)), (1, {("stripped", "")}))

    def test_time_that_is_too_short_is_said(self):
        code, report = check(e2e.plugin("planted/slow"), args=["--time", "0.1"])
        self.assertEqual(code, 1)
        self.assertIn(("time", ""), pairs(report))


    def test_a_state_that_is_lost_is_shown(self):
        report = check(e2e.plugin("planted/forgets"))[1]
        self.assertNotIn(("state", "Whole's state"), pairs(report))
        what = {finding["where"]: finding["what"] for finding in report["findings"]}
        self.assertRegex(what["LosesY's state"], r"^its state is \[-?\d+, -?\d+\], and that of what is made of it \[-?\d+, 0\]$")
        self.assertRegex(what["NotSaved's state"], r"^NotSaved #\d+ cannot be saved: RuntimeError: x cannot be saved$")
        self.assertRegex(what["NotLoaded's state"], r"^forgets 1\.0 NotLoaded does not load state of version 1: state: expected 3 "
                                                    r"elements, got 2; the state was \[0, 0\]$")
        self.assertRegex(what["Changes's state"], r"^saved twice, its state is first \[1, \d+\] and then \[2, \d+\]$")
        self.assertRegex(what["Crashes's state"], r"SIGSEGV")


class Clean(unittest.TestCase):
    def test_our_own_plugins_are(self):
        for name in ("pair", "sync"):
            for seed in (SEED, 6):
                code, report = check(e2e.BUNDLED / f"{name}.so", seed=seed, patience=20)
                print(f"{name}: {report['calls']} calls in {report['seconds']:.1f} s")
                self.assertEqual((code, report["findings"], report["notes"]), (0, [], []), f"{name}, seed {seed}")

    def test_what_it_writes_is_not_left_where_one_stands(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(shutil.copy(e2e.plugin("planted/writes"), folder)).name
            done = subprocess.run([TOOL, "check", "--json", "--seed", str(SEED), file], capture_output=True, text=True, cwd=folder)
            report = json.loads(done.stdout)
            self.assertEqual((done.returncode, report["file"], report["findings"]), (0, file, []), done.stderr)
            self.assertEqual(os.listdir(folder), [file])

    def test_nothing_of_it_is_left_after_ctrl_c(self):
        with tempfile.TemporaryDirectory() as folder:
            tool = subprocess.Popen([TOOL, "check", e2e.plugin("planted/slow")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                    env={**os.environ, "XDG_RUNTIME_DIR": folder})
            e2e.eventually(lambda: os.listdir(folder), "the folder of the try")
            tool.send_signal(signal.SIGINT)
            self.assertEqual(tool.wait(), -signal.SIGINT)
            e2e.eventually(lambda: not os.listdir(folder), "the end of that folder")

    def test_and_one_in_c(self):
        self.assertEqual(check(e2e.plugin("pure_c"))[0], 0)

    def test_the_same_seed_makes_the_same_calls(self):
        first, again, other = (check(e2e.plugin("kinds"), seed=seed, patience=10)[1] for seed in (77, 77, 78))
        self.assertEqual(first["findings"], again["findings"])
        self.assertEqual(first["arguments"], again["arguments"])
        self.assertNotEqual(first["arguments"], other["arguments"])

    def test_arguments_of_a_callable_can_be_told(self):
        with_them = check(e2e.plugin("objects"), args=["--create", 'Refusing=["because"]'])[1]
        refusal = [finding["what"] for finding in with_them["findings"] if finding["where"] == "Refusing"]
        self.assertEqual(refusal, ["its callable refuses whatever it is given; at last: because"])

    def test_and_are_refused_where_nothing_is_made_with_them(self):
        objects, kinds = e2e.plugin("objects"), e2e.plugin("kinds")
        for words, said in (([objects, "--create", "Nope=[1]"], "no type is called Nope"),
                            ([objects, kinds, "--create", "Refusing=[]", "--create", "Nope=[]"], "no type is called Nope"),
                            ([e2e.PAIR, "--create", "Pair=[1, 2]", "--create", "Pair=[3, 4]"], "Pair=… is said twice"),
                            ([objects, "--create", "Number=[]"], "not created by name")):
            done = subprocess.run([TOOL, "check", *words], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout), (2, ""), words)
            self.assertIn(said, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
