//! GitHub's own description and bodies, which are too large for this repository.
//!
//! `bash host/import/tests/real/run` installs them and runs these tests; `.ci/run` does so, too.
//!
//! Any other document is imported with `HOOKYARD_DOCUMENT=FILE`, and `HOOKYARD_SCHEMAS=PATTERN` where
//! its events are named schemas.

use std::path::PathBuf;
use std::time::Instant;

use hookyard_import::{
    BYTES_MAX, Body, Document, Imported, Options, Request, Required, Source, import,
};

fn package(name: &str) -> PathBuf {
    let folder = std::env::var_os("HOOKYARD_GITHUB").expect("HOOKYARD_GITHUB is set");
    PathBuf::from(folder)
        .join("node_modules/@octokit")
        .join(name)
}

fn request(file: &PathBuf) -> Request {
    let text = std::fs::read(file).unwrap();
    let document = Document::read("document.json", &text, BYTES_MAX).unwrap();
    Request {
        name: "github".into(),
        source: Source::Document(Box::new(document)),
        options: Options::default(),
        bodies: Vec::new(),
        kept: Vec::new(),
        previous: None,
        keep: hookyard_import::diff::Options::default(),
    }
}

/// The bodies by their events, in the order of the package.
fn bodies() -> Vec<(String, Vec<Body>)> {
    let file = package("webhooks-examples").join("api.github.com/index.json");
    let text = std::fs::read_to_string(file).unwrap();
    let events: serde_json::Value = serde_json::from_str(&text).unwrap();
    let event = |event: &serde_json::Value| {
        let name = event["name"].as_str().unwrap().to_owned();
        let examples = event["examples"].as_array().unwrap().iter().enumerate();
        let body = |(place, example): (usize, &serde_json::Value)| Body {
            file: format!("{name}/{place}.json"),
            bytes: example.to_string().into_bytes(),
        };
        (name.clone(), examples.map(body).collect())
    };
    events.as_array().unwrap().iter().map(event).collect()
}

fn github() -> Request {
    request(&package("openapi-webhooks").join("generated/api.github.com.json"))
}

#[test]
#[ignore = "needs HOOKYARD_GITHUB"]
fn whole_description_is_refused_with_the_costliest_first() {
    let error = import(&github()).expect_err("too many parts").to_string();

    println!("{error}");
    assert!(
        error.contains("a host loads at most 20,000: issues 2,4"),
        "{error}"
    );
}

#[test]
#[ignore = "needs HOOKYARD_GITHUB"]
fn chosen_events_are_imported() {
    let mut request = github();
    request.options.events = ["push", "pull_request", "issues*"]
        .map(str::to_owned)
        .into();

    let imported = import(&request).unwrap();

    println!(
        "{} parts, {} types, {} bytes of WIT",
        imported.parts,
        imported.types,
        imported.wit.len()
    );
    assert_eq!(imported.events.len(), 3);
    assert!(
        imported
            .provider
            .contains("# type = \"{header:X-Github-Event}\"")
    );
    assert_eq!(crate::support::cases(&imported.wit).len(), 4);
}

#[test]
#[ignore = "needs HOOKYARD_GITHUB"]
fn real_bodies_decode() {
    let mut request = github();
    let (mut trusted, mut corrected, mut unseen) =
        (Count::default(), Count::default(), Count::default());
    for (event, bodies) in bodies() {
        request.options.events = vec![event.clone()];
        let halves = bodies.iter().cloned().enumerate();
        let (even, odd): (Vec<_>, Vec<_>) = halves.partition(|(place, _)| place % 2 == 0);
        let [even, odd] =
            [even, odd].map(|half| half.into_iter().map(|(_, body)| body).collect::<Vec<_>>());

        trusted.add(
            &imported(&mut request, Required::Trust, Vec::new()),
            &bodies,
        );
        unseen.add(&imported(&mut request, Required::Samples, even), &odd);
        corrected.add(
            &imported(&mut request, Required::Samples, bodies.clone()),
            &bodies,
        );
    }

    trusted.print("on the document's word");
    corrected.print("corrected by all bodies");
    unseen.print("corrected by every other body, the rest decoded");
    assert_eq!(corrected.all, 329);
    assert!(corrected.fits * 100 >= corrected.all * 97);
    // An event with one or two bodies gets no correction from the other half.
    assert!(unseen.fits * 100 >= unseen.all * 95);
}

fn imported(request: &mut Request, required: Required, bodies: Vec<Body>) -> Imported {
    request.options.required = required;
    request.bodies = bodies;
    import(request).unwrap_or_else(|error| panic!("{error}"))
}

#[derive(Default)]
struct Count {
    all: usize,
    fits: usize,
    misses: Vec<String>,
}

impl Count {
    fn add(&mut self, imported: &Imported, bodies: &[Body]) {
        for body in bodies {
            let text = std::str::from_utf8(&body.bytes).unwrap();
            self.all += 1;
            match imported.decoder.check(0, &body.file, text) {
                Ok(()) => self.fits += 1,
                Err(error) => self.misses.push(error.to_string()),
            }
        }
    }

    fn print(&self, what: &str) {
        println!("{what}: {} of {}", self.fits, self.all);
        for miss in &self.misses {
            println!("    {miss}");
        }
    }
}

#[test]
#[ignore = "needs HOOKYARD_DOCUMENT"]
fn any_document_is_imported() {
    let file =
        PathBuf::from(std::env::var_os("HOOKYARD_DOCUMENT").expect("HOOKYARD_DOCUMENT is set"));
    let text = std::fs::read(&file).unwrap();
    let name = file.file_name().unwrap().to_str().unwrap();
    let mut request = crate::support::request(name, &text).unwrap();
    request.options.selection.schemas = std::env::var("HOOKYARD_SCHEMAS").ok();
    request.options.selection.callbacks = true;
    let start = Instant::now();

    match import(&request) {
        Ok(imported) => {
            let cases = crate::support::cases(&imported.wit);
            println!(
                "{} events, {} types, {} KB of WIT, {} parts, {:?}",
                imported.events.len(),
                imported.types,
                imported.wit.len() / 1000,
                imported.parts,
                start.elapsed()
            );
            println!("{}", imported.notes.join("\n"));
            assert_eq!(cases.len(), imported.events.len() + 1);
        }
        Err(error) => println!("{error}"),
    }
}
