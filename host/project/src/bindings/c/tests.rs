//! Tests of the generated bindings for C, C++ and Zig, and of their SDKs.

use std::path::Path;
use std::process::Command;

use crate::bindings::{Input, c, cpp, zig};
use crate::files::Files;
use crate::imports::{Capability, Imports};
use crate::language::Language;
use crate::manifest::Manifest;
use crate::support::{BUILT_IN, built_in};
use crate::{template, wit};

/// The bindings of a WIT folder for a language, with its SDK.
fn generated(language: Language, wit: &Files) -> Files {
    let folder = tempfile::tempdir().expect("made");
    wit.write(folder.path()).expect("written");
    let (resolve, world) = wit::read(folder.path()).expect("WIT");
    let text = format!("name = \"decide\"\nlanguage = \"{language}\"\nhookyard = \"0.1.0\"\n");
    let manifest = Manifest::parse(&text).expect("a manifest");

    let input = Input {
        manifest: &manifest,
        resolve: &resolve,
        world,
    };
    let mut files = match language {
        Language::C => c::files(&input),
        Language::Cpp => cpp::files(&input),
        _ => zig::files(&input),
    }
    .expect("bindings");
    files.add_below("sdk", template::below(&format!("plugins/sdk/{language}")));
    files
}

/// The WIT of a plugin that imports everything.
fn whole_world(provider: Option<&str>) -> Files {
    let provider = provider.map(built_in);
    let imports: Imports = Capability::ALL.into_iter().collect();
    wit::files(&wit::World {
        name: "decide",
        provider: provider.as_ref(),
        imports: &imports,
    })
    .expect("WIT")
}

/// Runs a program in a folder, and returns what it wrote.
fn run(folder: &Path, command: &str) -> String {
    let mut words = command.split_whitespace();
    let program = words.next().expect("a program");
    let output = Command::new(program)
        .args(words)
        .current_dir(folder)
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}\n{text}");
    text
}

const STRICT: &str = "cc -std=c17 -Wall -Wextra -Werror -I. -Isdk";

#[test]
fn bindings_compile_without_warnings() {
    let names = BUILT_IN.map(Some).into_iter().chain([None]);
    for provider in names {
        let folder = tempfile::tempdir().expect("made");
        generated(Language::C, &whole_world(provider))
            .write(folder.path())
            .expect("written");
        let name = provider.map_or("untyped".to_owned(), |name| name.replace('-', "_"));
        run(folder.path(), &format!("{STRICT} -fsyntax-only {name}.c"));
    }
}

#[test]
fn sdk_for_c_passes_its_tests() {
    let folder = tempfile::tempdir().expect("made");
    generated(Language::C, &whole_world(Some("topi-saas")))
        .write(folder.path())
        .expect("written");

    let sources = "sdk/hookyard.c sdk/hookyard_fake.c sdk/tests/sdk_test.c";
    run(folder.path(), &format!("{STRICT} {sources} -o test"));
    assert_eq!(run(folder.path(), "./test"), "9 tests passed\n");
}

#[test]
#[ignore = "needs clang++-19 with the library of C++ for this machine (libc++-19-dev)"]
fn sdk_for_cpp_passes_its_tests() {
    let folder = tempfile::tempdir().expect("made");
    generated(Language::Cpp, &whole_world(Some("topi-saas")))
        .write(folder.path())
        .expect("written");

    run(
        folder.path(),
        &format!("{STRICT} -c sdk/hookyard.c sdk/hookyard_fake.c"),
    );
    let strict = STRICT.replace("cc -std=c17", "clang++-19 -std=c++23 -stdlib=libc++");
    let sources = "topi_saas.cpp sdk/tests/sdk_test.cpp hookyard.o hookyard_fake.o";
    run(folder.path(), &format!("{strict} {sources} -o test"));
    assert_eq!(run(folder.path(), "./test"), "6 tests passed\n");

    generated(Language::Cpp, &world_of_every_type())
        .write(folder.path())
        .expect("written");
    run(folder.path(), &format!("{strict} -fsyntax-only shop.cpp"));
}

#[test]
#[ignore = "needs zig, as python3 -m ziglang"]
fn sdk_for_zig_passes_its_tests() {
    let folder = tempfile::tempdir().expect("made");
    generated(Language::Zig, &whole_world(Some("topi-saas")))
        .write(folder.path())
        .expect("written");

    let text = run(
        folder.path(),
        "python3 -m ziglang test --dep hookyard -Mroot=sdk/tests/sdk_test.zig --dep imports \
         -Mhookyard=sdk/hookyard.zig -Mimports=imports.zig",
    );
    assert!(text.contains("All 6 tests passed"), "{text}");
}

const EVERY_TYPE: &str = "\
package shop:webhooks@1.0.0;

interface types {
    type cents = s64;
    enum %enum { small, large }
    flags marks { new-one, old-one }
    variant price { free, fixed(cents), text(string), both(tuple<u8, string>) }
    record %record {
        %type: %enum,
        %default: option<option<u8>>,
        marks: marks,
        price: price,
        prices: list<price>,
        lists: list<list<f64>>,
        pairs: list<tuple<string, cents>>,
        letter: char,
    }
}

interface handler {
    use hookyard:plugin/types@0.1.0.{delivery, failure};
    use types.{%record};
    record marks { count: u32 }
    variant event { %register(%record), marked(marks), ping, other(string) }
    handle: func(delivery: delivery, event: event) -> result<_, failure>;
}

interface outgoing {
    use hookyard:plugin/outbox@0.1.0.{error};
    use types.{%record};
    reply: func(payload: %record, note: option<u32>, destination: option<string>) -> result<string, error>;
}
";

/// A world with a provider that uses every type.
fn world_of_every_type() -> Files {
    let mut wit = whole_world(None);
    wit.add("deps/shop/shop.wit", EVERY_TYPE);
    wit.add(
        "plugin.wit",
        "package plugin:decide;\nworld plugin {\n    import shop:webhooks/outgoing@1.0.0;\n    \
         export shop:webhooks/handler@1.0.0;\n}\n",
    );
    wit
}

#[test]
fn every_type_is_declared_once() {
    let files = generated(Language::C, &world_of_every_type());
    let header = files.text("shop.h").expect("a header");
    for expected in [
        "    shop_enum type;\n    hy_option_option_u8_t default_;\n    shop_marks marks;",
        "    SHOP_PRICE_FREE,\n",
        "#define SHOP_MARKS_OLD_ONE (1u << 1)",
        "} shop_handler_marks;",
        "hy_outcome on_register(const shop_record *event, const hy_delivery *delivery);",
        "hy_outcome on_ping(const hy_delivery *delivery);",
        "hy_outcome shop_send_reply(const shop_record *payload, const char *destination, hy_string *id);",
    ] {
        assert!(header.contains(expected), "{expected}\n{header}");
    }

    let folder = tempfile::tempdir().expect("made");
    files.write(folder.path()).expect("written");
    run(folder.path(), &format!("{STRICT} -fsyntax-only shop.c"));
}

#[test]
fn types_have_names_of_their_language() {
    let cpp = generated(Language::Cpp, &world_of_every_type());
    let header = cpp.text("shop.hpp").expect("a header");
    for expected in [
        "    shop::enum_ type{};\n    hookyard::option<hookyard::option<std::uint8_t>> default_{};",
        "hookyard::outcome on_register(const shop::record& event, const hookyard::delivery& delivery);",
        "hookyard::list<hookyard::list<double>> lists{};",
    ] {
        assert!(header.contains(expected), "{expected}\n{header}");
    }

    let zig = generated(Language::Zig, &world_of_every_type());
    let types = zig.text("shop.zig").expect("types");
    for expected in [
        "    @\"type\": Enum,\n    default: ??u8 = null,\n    marks: Marks,",
        "pub const Price = union(enum) {\n    free,\n    fixed: i64,\n    text: []const u8,\n    both: struct { u8, []const u8 },\n};",
        "    pub fn reply(payload: Record, destination: ?[]const u8) error{HostError}![]const u8 {",
        "hookyard.exportHandlers(Event, handlers, \"shop:webhooks/handler@1.0.0#handle\");",
    ] {
        assert!(types.contains(expected), "{expected}\n{types}");
    }
}
