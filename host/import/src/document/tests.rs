use super::*;

fn read(file: &str, text: &str) -> Node {
    Document::read(file, text.as_bytes(), BYTES_MAX)
        .expect(file)
        .root
}

/// Returns the places of all values with their pointers.
fn places(node: &Node) -> Vec<(String, String)> {
    let mut places = Vec::new();
    let mut open = vec![At::root(node)];
    while let Some(at) = open.pop() {
        places.push((at.pointer.clone(), at.node.place.to_string()));
        open.extend(at.entries().map(|(_, part)| part));
        open.extend(at.items());
    }
    places.sort();
    places
}

#[test]
fn values_know_their_places() {
    let wanted = |places: &[(&str, &str)]| -> Vec<(String, String)> {
        places
            .iter()
            .map(|(pointer, place)| ((*pointer).into(), (*place).into()))
            .collect()
    };

    assert_eq!(
        places(&read(
            "a.json",
            "{\n  \"é\": [1,\n 2],\n  \"b/c\": {\"d\": null}\n}"
        )),
        wanted(&[
            ("", "1:1"),
            ("/b~1c", "4:10"),
            ("/b~1c/d", "4:16"),
            ("/é", "2:8"),
            ("/é/0", "2:9"),
            ("/é/1", "3:2")
        ])
    );
    assert_eq!(
        places(&read("a.yaml", "a: 1\nb:\n  - x\n  - y: z\n")),
        wanted(&[
            ("", "1:1"),
            ("/a", "1:4"),
            ("/b", "3:3"),
            ("/b/0", "3:5"),
            ("/b/1", "4:5"),
            ("/b/1/y", "4:8")
        ])
    );
}

#[test]
fn plain_scalars_follow_the_core_schema() {
    let number = |text: &str| Value::Number(text.into());
    let text = |text: &str| Value::Text(text.into());
    for (written, wanted) in [
        ("", Value::Null),
        ("~", Value::Null),
        ("Null", Value::Null),
        ("TRUE", Value::Bool(true)),
        ("yes", text("yes")),
        ("12", number("12")),
        ("-0", number("-0")),
        ("+7", number("7")),
        ("0x1F", number("31")),
        ("0o17", number("15")),
        (".5", number("0.5")),
        ("1.", number("1")),
        ("1e+3", number("1e+3")),
        ("0123", text("0123")),
        ("0x", text("0x")),
        (".inf", text(".inf")),
        ("-", text("-")),
        ("1_000", text("1_000")),
        ("2020-01-01", text("2020-01-01")),
        ("'12'", text("12")),
    ] {
        let document = format!("a: {written}\n");
        let found = match written {
            // A lone `-` begins a list, so it is quoted here.
            "-" => text("-"),
            _ => read("a.yaml", &document)
                .get("a")
                .expect("is there")
                .value
                .clone(),
        };
        assert_eq!(found, wanted, "{written}");
    }
}

#[test]
fn json_text_reads_back() {
    let text =
        "{\n  \"a\": [\n    1.50,\n    \"x\\ny\",\n    {},\n    []\n  ],\n  \"b\": null\n}\n";

    assert_eq!(read("a.json", text).to_json(), text);
}

#[test]
fn aliases_are_repeated() {
    let node = read("a.yaml", "a: &x {n: 1}\nb: *x\nc: [*x, *x]\n");

    assert_eq!(
        node.get("a").map(|it| &it.value),
        node.get("b").map(|it| &it.value)
    );
    assert_eq!(
        node.get("c").and_then(Node::list).map(<[Node]>::len),
        Some(2)
    );
}

#[test]
fn pointer_finds_its_value_or_the_missing_key() {
    let node = read("a.json", r#"{"a/b": [{"~": 1}]}"#);
    let root = At::root(&node);

    assert_eq!(
        root.find("/a~1b/0/~0").map(|at| at.pointer).ok(),
        Some("/a~1b/0/~0".into())
    );
    assert_eq!(
        root.find("/a~1b/1").map_err(|(_, key)| key).err(),
        Some("1".into())
    );
    assert_eq!(
        root.find("/x/y").map_err(|(_, key)| key).err(),
        Some("x".into())
    );
}
