#include "tests/support/notation.hpp"

#include <soho/wire/handles.hpp>

#include <gtest/gtest.h>

namespace soho::wire {
namespace {

using test::pack;
using test::show;

struct Seen {
    std::vector<std::uint64_t> ids;
    HandleVisitor visitor = [this](const Handle& handle) -> Result<void> {
        ids.push_back(handle.id);
        if (handle.id == 666) return refuse(Code::no_object, "no object #666");
        return {};
    };
};

using Translate = Result<void> (*)(data::Bytes, Out&, const HandleVisitor&);

// The value translated, or `code: sentence`.
std::string translated(Translate translate, std::string_view notation, std::vector<std::uint64_t>* ids = nullptr) {
    const std::string bytes = pack(notation);
    data::Buffer buffer;
    Out out(buffer);
    Seen seen;
    const auto done = translate(data::as_bytes(bytes), out, seen.visitor);
    if (ids != nullptr) *ids = seen.ids;
    if (!done) return std::string(code_name(done.error().code)) + ": " + done.error().text;
    return show(buffer.bytes());
}
std::string inward(std::string_view notation, std::vector<std::uint64_t>* ids = nullptr) {
    return translated(&from_map_form, notation, ids);
}
std::string outward(std::string_view notation, std::vector<std::uint64_t>* ids = nullptr) {
    return translated(&to_map_form, notation, ids);
}

using Ids = std::vector<std::uint64_t>;

TEST(FromMapForm, MakesHandlesExtensionsWhereverTheyAre) {
    Ids ids;
    EXPECT_EQ(
        inward(R"([1, {"$soho": 7, "type": "P"}, {"k": [{"$soho": 8, "type": "Q"}]}, {{"$soho": 9, "type": "R"}: 1}])",
               &ids),
        R"([1, ext(0x53, [7, "P"]), {"k": [ext(0x53, [8, "Q"])]}, {ext(0x53, [9, "R"]): 1}])");
    EXPECT_EQ(ids, (Ids{7, 8, 9}));
}

TEST(FromMapForm, TakesOneDollarFromEscapedData) {
    EXPECT_EQ(inward(R"({"$$soho": 7, "type": "P"})"), R"({"$soho": 7, "type": "P"})");
    EXPECT_EQ(inward(R"({"$$$soho": 7})"), R"({"$$soho": 7})");
    EXPECT_EQ(inward(R"([{"$$soho": {"$$soho": 1}}])"), R"([{"$soho": {"$soho": 1}}])");
}

TEST(FromMapForm, LeavesOtherDataAlone) {
    for (const char* same :
         {R"({"$": 1})", R"({"$sohot": 1})", R"({"soho": 1})", R"({"x": 1, "$$soho": 2})", R"(["$$soho"])",
          R"("$$soho")", R"({h'2473': 1})", "{1: 2}", "{}", "[]", "nil", R"({"type": "P", "$soho": 7})"}) {
        EXPECT_EQ(inward(same), same);
    }
    // Not escaped, and no handle either: data as it is.
    EXPECT_EQ(inward(R"({"$soho": "x"})"), R"({"$soho": "x"})");
}

TEST(FromMapForm, MakesSureOfHandlesInExtensionFormToo) {
    Ids ids;
    EXPECT_EQ(inward(R"([ext(0x53, [7, "P"]), ext(0x54, [ext(0x53, [8, "P"])])])", &ids),
              R"([ext(0x53, [7, "P"]), ext(0x54, [ext(0x53, [8, "P"])])])");
    EXPECT_EQ(ids, (Ids{7, 8}));
    EXPECT_EQ(inward(R"(ext(0x53, [666, "P"]))"), "no_object: no object #666");
    EXPECT_EQ(inward("ext(0x53, h'00')"), "bad_arguments: the body of extension 0x53 is not what PROTOCOL.md says");
}

TEST(FromMapForm, EndsWithTheVisitorsFailure) {
    EXPECT_EQ(inward(R"([{"$soho": 666, "type": "P"}, 1])"), "no_object: no object #666");
}

TEST(ToMapForm, MakesHandlesMapsAndEscapesData) {
    Ids ids;
    EXPECT_EQ(outward(R"([ext(0x53, [7, "P"]), {"$soho": 7, "type": "P"}, {"$$soho": 1}, {"$sohot": 1}])", &ids),
              R"([{"$soho": 7, "type": "P"}, {"$$soho": 7, "type": "P"}, {"$$$soho": 1}, {"$sohot": 1}])");
    EXPECT_EQ(ids, (Ids{7}));
}

TEST(ToMapForm, PutsSohosExtensionsIntoTheirPlainestShape) {
    EXPECT_EQ(outward("ext(0x54, [1, ext(0x55, [2, 3])])"), "[1, [2, 3]]");
    EXPECT_EQ(outward(R"(ext(0x56, "-123456789012345678901234567890"))"), R"("-123456789012345678901234567890")");
    EXPECT_EQ(outward(R"(ext(0x57, "2026-01-02T03:04:05Z"))"), R"("2026-01-02T03:04:05Z")");
    EXPECT_EQ(outward("ext(0x58, [1, nil, 2])"), R"({"start": 1, "stop": nil, "step": 2})");
    EXPECT_EQ(outward("ext(0x59, [1, 5, 2])"), R"({"start": 1, "stop": 5, "step": 2})");
    EXPECT_EQ(outward(R"(ext(0x5a, ["python", h'80']))"), R"({"language": "python", "bytes": h'80'})");
    EXPECT_EQ(outward("[ext(0x01, h'01'), ext(0x5f, h'02'), ext(-1, h'00000000')]"),
              "[ext(0x01, h'01'), ext(0x5f, h'02'), ext(-1, h'00000000')]");
}

TEST(ToMapForm, FindsHandlesInTuplesSetsAndSlices) {
    Ids ids;
    EXPECT_EQ(outward(R"(ext(0x54, [ext(0x53, [7, "P"]), ext(0x55, [ext(0x53, [8, "P"])])]))", &ids),
              R"([{"$soho": 7, "type": "P"}, [{"$soho": 8, "type": "P"}]])");
    EXPECT_EQ(ids, (Ids{7, 8}));
    EXPECT_EQ(outward(R"(ext(0x58, [ext(0x53, [9, "P"]), {"$soho": 1, "type": "P"}, nil]))", &ids),
              R"({"start": {"$soho": 9, "type": "P"}, "stop": {"$$soho": 1, "type": "P"}, "step": nil})");
    EXPECT_EQ(ids, (Ids{9}));
}

TEST(ToMapForm, EscapesTheTextOfABigIntegerThatStandsForAKey) {
    EXPECT_EQ(outward(R"({ext(0x56, "$soho"): 7, "type": "P"})"), R"({"$$soho": 7, "type": "P"})");
}

TEST(ToMapForm, RefusesMalformedBodies) {
    for (const char* notation : {"ext(0x53, h'00')", "ext(0x54, h'')", "ext(0x54, h'9201')", "ext(0x55, h'01')",
                                 "ext(0x54, h'900000')", "ext(0x58, [1, 2])", "ext(0x5a, [1, 2, 3])"}) {
        const std::string result = outward(notation);
        EXPECT_TRUE(result.starts_with("bad_arguments: the body of extension 0x5")) << notation << ": " << result;
    }
}

std::string tuples(int depth) {
    std::string value = pack("1");
    for (int i = 0; i < depth; ++i) {
        data::Buffer buffer;
        Out out(buffer);
        out.extension(ext_tuple, data::as_bytes("\x91" + value));
        value = buffer.text();
    }
    return value;
}

TEST(Translations, BoundTheDepthOfNestedTuples) {
    for (const auto& [depth, fits] :
         {std::pair{32, true}, std::pair{64, true}, std::pair{66, false}, std::pair{2000, false}}) {
        const std::string value = tuples(depth);
        Seen seen;
        data::Buffer buffer;
        Out out(buffer);
        EXPECT_EQ(visit_handles(data::as_bytes(value), seen.visitor).has_value(), fits) << depth;
        EXPECT_EQ(to_map_form(data::as_bytes(value), out, seen.visitor).has_value(), fits) << depth;
        if (fits) continue;
        EXPECT_EQ(visit_handles(data::as_bytes(value), seen.visitor).error().code, Code::limit);
    }
}

TEST(VisitHandles, FindsThemInTuplesSetsAndSlices) {
    const std::string value = pack(
        R"([ext(0x53, [1, "P"]), ext(0x54, [ext(0x53, [2, "P"])]), ext(0x55, [[ext(0x53, [3, "P"])]]), {"k": ext(0x53, [4, "P"])}, ext(0x58, [ext(0x53, [5, "P"]), nil, nil])])");
    Seen seen;
    ASSERT_TRUE(visit_handles(data::as_bytes(value), seen.visitor));
    EXPECT_EQ(seen.ids, (Ids{1, 2, 3, 4, 5}));
}

TEST(VisitHandles, LeavesMapsAlone) {
    Seen seen;
    const std::string value = pack(R"([{"$soho": 7, "type": "P"}, ext(1, h'93')])");
    ASSERT_TRUE(visit_handles(data::as_bytes(value), seen.visitor));
    EXPECT_TRUE(seen.ids.empty());
}

TEST(VisitHandles, RefusesMalformedBodies) {
    for (const char* notation : {"ext(0x53, h'')", "ext(0x54, h'c1')", "ext(0x55, h'91')"}) {
        const std::string value = pack(notation);
        Seen seen;
        const auto visited = visit_handles(data::as_bytes(value), seen.visitor);
        ASSERT_FALSE(visited) << notation;
        EXPECT_EQ(visited.error().code, Code::bad_arguments);
    }
}

TEST(Translations, RoundTripEveryValueThatAMapCanShow) {
    for (const char* notation :
         {"1", "[]", R"({"$soho": 7, "type": "P"})", R"(ext(0x53, [7, "P"]))", R"({"$$$$soho": [{"$soho": 1}]})",
          R"([{"a": {"$soho": ext(0x53, [1, "T"]), "type": "x"}}])", "[ext(0x01, h'00'), h'24736f686f', -1.5]",
          R"({{"$soho": 1, "type": "x"}: {"$soho": 1}})"}) {
        EXPECT_EQ(inward(outward(notation)), notation);
    }
}

}  // namespace
}  // namespace soho::wire
