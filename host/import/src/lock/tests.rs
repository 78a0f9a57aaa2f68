use super::*;

fn sample() -> Lock {
    let locked = |is_option, word| Locked { is_option, word };
    let paths = [
        ("", locked(false, Word::Record)),
        ("/a b", locked(true, Word::Text)),
        ("/lines", locked(false, Word::List)),
        ("/lines/*", locked(false, Word::JsonText)),
        (
            "/state",
            locked(true, Word::Values(vec!["\"open\"".into(), "to do".into()])),
        ),
    ];
    let event = LockedEvent {
        types: vec!["order.paid".into(), "order\npaid".into()],
        paths: paths.map(|(path, it)| (path.to_owned(), it)).into(),
    };
    Lock {
        importer: IMPORTER,
        document: "ab12".into(),
        version: "1.0 \"beta\"".into(),
        package: "1.2.0".into(),
        wit: "cd34".into(),
        events: [("order-paid".to_owned(), event)].into(),
    }
}

#[test]
fn written_lock_reads_back() {
    let lock = sample();

    assert_eq!(Lock::read(&lock.to_string()), Ok(lock));
}

#[test]
fn every_simple_word_reads_back() {
    for word in Word::SIMPLE {
        let mut lock = sample();
        let event = lock.events.get_mut("order-paid").expect("is there");
        event.paths.insert(
            "/x".into(),
            Locked {
                is_option: true,
                word,
            },
        );

        assert_eq!(Lock::read(&lock.to_string()), Ok(lock));
    }
}

#[test]
fn damaged_line_is_named() {
    for (text, line) in [
        ("importer one", 1),
        ("# x\n\"/a\" string", 2),
        ("event a\n\"/a\" strings", 2),
        ("event a\n\"/a\" string\n\"/a\" string", 3),
        ("event a\nevent a", 2),
        ("event a \"b", 1),
        ("version 1", 1),
        ("nonsense", 1),
    ] {
        let error = Lock::read(text).expect_err(text);

        assert_eq!(error.line, line, "{text}");
    }
}
