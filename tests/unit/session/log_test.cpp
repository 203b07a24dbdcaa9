#include "host/session/log.hpp"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <nlohmann/json.hpp>
#include <sstream>

namespace soho::host {
namespace {

// What comes of one log, its lines written with that formatter.
struct Written {
    explicit Written(bool json) : sink(std::make_shared<spdlog::sinks::ostream_sink_mt>(stream)), log(sink) {
        sink->set_formatter(make_line_formatter(json, false));
    }
    // The text from its level on: in front of it is the time.
    std::string line() const { return stream.str().substr(std::string_view("2026-01-01 00:00:00.000 ").size()); }
    nlohmann::json object() const { return nlohmann::json::parse(stream.str()); }

    std::ostringstream stream;
    spdlog::sink_ptr sink;
    Log log;
};

TEST(LogLine, AsTextHasItsFieldsBehindTheSentence) {
    Written written(false);
    written.log.call.warn("a slow call{}",
                          Fields().add("session", 3).add("who", "a b").add_ms("duration_ms", 1'500'000));
    EXPECT_EQ(written.line(), "warning call: a slow call session=3 who=\"a b\" duration_ms=1.500\n");
}

TEST(LogLine, OfTheHostItselfNamesNoSubsystem) {
    Written written(false);
    written.log.host.info("ended");
    EXPECT_EQ(written.line(), "info ended\n");
}

TEST(LogLine, AsJsonIsOneObject) {
    Written written(true);
    written.log.plugin("pear").error("\"it\" {}{}", "is\x1b[0m \xff",
                                     Fields().add("n", 7).add("text", "7").add("none", ""));
    auto line = written.object();
    EXPECT_EQ(line["time"].get<std::string>().size(), std::string_view("2026-01-01T00:00:00.000Z").size());
    line.erase("time");
    EXPECT_EQ(line, nlohmann::json({{"level", "error"},
                                    {"subsystem", "plugin.pear"},
                                    {"message", "\"it\" is\x1b[0m \xef\xbf\xbd"},
                                    {"n", 7},
                                    {"text", "7"},
                                    {"none", ""}}));
}

TEST(LogLine, StaysALineWhateverIsInIt) {
    Written written(false);
    written.log.host.info("one\ninfo two\r\x1b[31m{}", Fields().add("key",
                                                                    "a\nb\x1e\x1f"
                                                                    "c=\"d\""));
    EXPECT_EQ(written.line(), "info one info two  [31m key=\"a?b??c=\\\"d\\\"\"\n");
}

TEST(LogLine, ThatIsTooLongLosesTheEndOfItsSentence) {
    for (const bool json : {false, true}) {
        for (const std::string_view piece : {"x", "\"", "é", "€", "\xff", "\x01"}) {
            SCOPED_TRACE(piece);
            std::string sentence;
            while (sentence.size() < 10'000) sentence += piece;
            Written written(json);
            written.log.call.info("{}{}", sentence, Fields().add("trace", "abc"));
            const std::string line = written.stream.str();
            EXPECT_LE(line.size(), 4096u);
            EXPECT_GT(line.size(), 3500u);  // and no more than it must
            EXPECT_EQ(line.find('\n'), line.size() - 1);
            if (!json) {
                EXPECT_TRUE(line.ends_with("… trace=abc\n")) << line.substr(line.size() - 30);
                continue;
            }
            EXPECT_TRUE(written.object()["message"].get<std::string>().ends_with("…"));
            EXPECT_EQ(written.object()["trace"], "abc");
        }
    }
}

TEST(LogLine, ThatFitsIsWhole) {
    Written written(true);
    const std::string sentence(3900, 'x');
    written.log.host.info("{}", sentence);
    EXPECT_EQ(written.object()["message"], sentence);
}

TEST(LogLine, LosesFieldsOnlyWhereTheyAreTooLongThemselves) {
    Written written(true);
    written.log.host.info("gone{}", Fields().add("kept", "here").add("long", std::string(5000, 'x')));
    EXPECT_EQ(written.object()["kept"], "here");
    EXPECT_FALSE(written.object().contains("long"));
}

TEST(LogLevels, TheNearestCounts) {
    Written written(false);
    written.log.apply({.level = "warning", .levels = {{"plugin", "error"}, {"plugin.pear", "debug"}}});
    EXPECT_EQ(written.log.level_of("session"), "warning");
    EXPECT_EQ(written.log.level_of("plugin.plum"), "error");
    EXPECT_EQ(written.log.level_of("plugin.pear"), "debug");
    EXPECT_TRUE(written.log.plugin("pear").should_log(spdlog::level::debug));
    ASSERT_TRUE(written.log.set_level("info", "plugin"));
    EXPECT_EQ(written.log.level_of("plugin.plum"), "info");
    EXPECT_EQ(written.log.level_of("plugin.pear"), "debug");
    written.log.apply({});
    EXPECT_FALSE(written.log.plugin("pear").should_log(spdlog::level::debug));
}

TEST(LogLevels, WrongNamesAreRefused) {
    Written written(false);
    EXPECT_EQ(written.log.set_level("warnin").error().text,
              "no log level \"warnin\": debug, info, warning or error; did you mean \"warning\"?");
    EXPECT_EQ(written.log.set_level("info", "plugin.").error().text,
              "nothing that is called \"plugin.\" logs: host, session, call, plugin or plugin.NAME does");
    EXPECT_EQ(written.log.level_of("host"), "info");
}

TEST(LogLevels, SayWhichCallsHaveALine) {
    Written written(false);
    Log& log = written.log;
    EXPECT_EQ(log.call_line_ns(), 1'000'000'000);
    log.apply({.slow_call_ms = 20});
    EXPECT_EQ(log.call_line_ns(), 20'000'000);
    log.apply({.slow_call_ms = 0});
    EXPECT_EQ(log.call_line_ns(), INT64_MAX);
    ASSERT_TRUE(log.set_level("debug", "call"));
    EXPECT_EQ(log.call_line_ns(), 0);
    ASSERT_TRUE(log.set_level("error", "call"));
    EXPECT_EQ(log.call_line_ns(), INT64_MAX);
}

}  // namespace
}  // namespace soho::host
