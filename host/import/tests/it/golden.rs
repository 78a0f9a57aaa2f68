//! Whole folders, compared byte for byte. `UPDATE=1` rewrites them.
//!
//! Each folder in `tests/golden` has a `document.yaml` or `document.json`, or bodies in `source/`;
//! `options.toml` and `bodies/` where the import has options and bodies; and the result in
//! `expected/`.

use std::collections::BTreeMap;
use std::path::Path;

use hookyard_import::{BYTES_MAX, Document, Folder, Options, Request, Source, import};
use hookyard_shape::{Plan, Pointer, Shape, Value};

use crate::support::{bodies, cases, tests};

#[test]
fn imported_folder_is_as_expected() {
    for entry in std::fs::read_dir(tests().join("golden")).unwrap() {
        let folder = entry.unwrap().path();
        let request = request(&folder);
        let imported = import(&request).unwrap_or_else(|error| panic!("{error}"));

        let made = tempfile::tempdir().unwrap();
        let target = Folder::open(made.path()).unwrap();
        let plan = target.plan(&imported, &request.options).unwrap();
        target.write(&plan).unwrap();
        let mut files = files(made.path(), made.path());
        files.insert("notes.txt".into(), notes(&imported));

        check(&folder.join("expected"), &files);
    }
}

#[test]
fn wit_has_the_types_that_samples_are_decoded_with() {
    for entry in std::fs::read_dir(tests().join("golden")).unwrap() {
        let folder = entry.unwrap().path();
        let imported = import(&request(&folder)).unwrap();
        let cases = cases(&imported.wit);

        assert_eq!(
            cases.len(),
            imported.events.len() + 1,
            "{}",
            folder.display()
        );
        for (event, (case, shape)) in imported.events.iter().zip(&cases) {
            assert_eq!(&event.case, case);
            assert_eq!(event.parts, shape.parts() as u64, "{case}");
            let plan = Plan::new(shape, case).unwrap();
            let end = format!("/{case}.json");
            let sample = imported
                .samples
                .iter()
                .find(|sample| sample.path.ends_with(&end));
            let body = &sample.unwrap().text;
            let decoded = plan.decode::<Value>(&Pointer::default(), body, usize::MAX);
            assert!(decoded.is_ok(), "{case}: {decoded:?}");
        }
    }
}

fn request(folder: &Path) -> Request {
    let read = |file: &str| std::fs::read(folder.join(file)).ok();
    let document = |file: &str| {
        let text = read(file)?;
        Some(Document::read(file, &text, BYTES_MAX).unwrap_or_else(|error| panic!("{error}")))
    };
    let source = match document("document.yaml").or_else(|| document("document.json")) {
        Some(document) => Source::Document(Box::new(document)),
        None => Source::Bodies(bodies(&folder.join("source"))),
    };
    let options = read("options.toml").map(|text| String::from_utf8(text).unwrap());
    Request {
        name: folder.file_name().unwrap().to_str().unwrap().to_owned(),
        source,
        options: Options::read(&options.unwrap_or_default()).unwrap(),
        bodies: bodies(&folder.join("bodies")),
        kept: Vec::new(),
        previous: None,
        keep: hookyard_import::diff::Options::default(),
    }
}

/// Returns what a reader should know about, as the command prints it.
fn notes(imported: &hookyard_import::Imported) -> String {
    let skipped = imported
        .skipped
        .iter()
        .map(|it| format!("not imported: {it}\n"));
    let notes = imported.notes.iter().map(|it| format!("{it}\n"));
    skipped.chain(notes).collect()
}

/// Returns the files of a folder with their paths in it.
fn files(root: &Path, folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(root, &path));
        } else {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            found.insert(name, std::fs::read_to_string(&path).unwrap());
        }
    }
    found
}

fn check(expected: &Path, made: &BTreeMap<String, String>) {
    if std::env::var_os("UPDATE").is_some() {
        let _ = std::fs::remove_dir_all(expected);
        for (path, text) in made {
            let path = expected.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }
    let wanted = files(expected, expected);
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    let shown = expected.display();
    assert_eq!(
        names(&wanted),
        names(made),
        "run with UPDATE=1, and review {shown}"
    );
    for (path, text) in made {
        let is_same = wanted[path] == *text;
        assert!(
            is_same,
            "run with UPDATE=1, and review {shown}/{path}:\n{text}"
        );
    }
}

/// The only differences: the shipped type counts items in 32 bits, and leaves out the constant
/// `type`.
#[test]
fn import_of_topi_saas_has_the_shipped_types() {
    let shipped = tests().join("../../../wit/providers/topi-saas");
    let wit = std::fs::read_to_string(shipped.join("topi-saas.wit")).unwrap();
    let imported = import(&request(&tests().join("golden/topi-saas"))).unwrap();
    let (shipped_cases, imported_cases) = (cases(&wit), cases(&imported.wit));

    assert_eq!(shipped_cases.len(), imported_cases.len());
    for ((case, shipped), (imported_case, imported)) in shipped_cases.iter().zip(&imported_cases) {
        assert_eq!(case, imported_case);
        contains(imported, shipped, case);
    }
    let sample =
        tests().join("../../../wit/providers/topi-saas/samples/offer-accepted-by-user.json");
    let sample = std::fs::read_to_string(sample).unwrap();
    imported.decoder.check(0, "sample", &sample).unwrap();
}

/// Checks that a type has all that another type has.
fn contains(wide: &Shape, narrow: &Shape, at: &str) {
    match (wide, narrow) {
        (Shape::Record(wide), Shape::Record(narrow)) => {
            for field in narrow {
                let at = format!("{at}.{}", field.name);
                let found = wide.iter().find(|it| it.name == field.name);
                contains(
                    &found.unwrap_or_else(|| panic!("{at} is missing")).shape,
                    &field.shape,
                    &at,
                );
            }
        }
        (Shape::List(wide), Shape::List(narrow)) | (Shape::Option(wide), Shape::Option(narrow)) => {
            contains(wide, narrow, at);
        }
        (Shape::U64, Shape::U32) => {}
        (wide, narrow) => assert_eq!(wide, narrow, "{at}"),
    }
}
