use super::*;

fn problem(text: &str) -> String {
    parse("w.yaml", text).unwrap_err().to_string()
}

#[test]
fn every_value_key_and_scalar_knows_its_place_and_spelling() {
    let node = parse("w.yaml", "name: x\nlist:\n  - 007\n  - yes\n  - 1.10\n").unwrap();
    assert_eq!(node.get("name").unwrap().at, Mark { line: 1, column: 7 });
    let Value::List(items) = &node.get("list").unwrap().value else { panic!("not a list") };
    let spelled: Vec<_> = items
        .iter()
        .map(|item| match &item.value {
            Value::Flag(_, text) | Value::Number(_, text) | Value::Text(text) => text.as_str(),
            _ => "?",
        })
        .collect();
    assert_eq!(spelled, ["007", "yes", "1.10"]);
    assert_eq!(items[2].at, Mark { line: 5, column: 5 });
}

#[test]
fn malformed_yaml_is_pointed_at() {
    for text in ["a: [1, 2\nb: 3\n", "a: 1\n b: 2\n", "a: 1\na: 2\n", "a: !evil x\n", "a:\n\t- b\n", "a: 'x\n"] {
        let problem = parse("w.yaml", text).unwrap_err();
        assert!(problem.line.is_some() && problem.column.is_some(), "{problem}");
        assert!(problem.line < Some(4), "{problem}");
    }
    assert_eq!(problem("a: 1\nb: 2\na: 3\n"), "w.yaml:3:1: the key `a` is there twice");
}

#[test]
fn bombs_and_depth_are_refused_quickly() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (from, to) in ('a'..'i').zip('b'..'j') {
        bomb.push_str(&format!("{to}: &{to} [*{from}, *{from}, *{from}, *{from}, *{from}, *{from}, *{from}]\n"));
    }
    let started = std::time::Instant::now();
    assert!(problem(&bomb).ends_with("too many or too deeply nested values"), "{}", problem(&bomb));
    assert!(problem(&"[".repeat(200_000)).contains("too deeply nested"));
    assert!(
        problem(&format!("a:\n{}", (1..100).map(|n| format!("{}a:\n", " ".repeat(n))).collect::<String>()))
            .contains("too deeply nested")
    );
    assert_eq!(problem("a: 1\n---\nb: 2\n"), "w.yaml:2:1: there is more than one document in the file");
    assert!(started.elapsed() < std::time::Duration::from_secs(10));
}

#[test]
fn files_that_are_too_large_not_text_or_no_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("w.yaml");
    std::fs::write(&path, "x".repeat(1024 * 1024 + 1)).unwrap();
    assert!(read(&path, "w.yaml", true).unwrap_err().message.contains("larger than 1 MiB"));
    std::fs::write(&path, b"a: 1\nb: \xff\n").unwrap();
    assert_eq!(read(&path, "w.yaml", true).unwrap_err().line, Some(2));
    assert!(read(dir.path(), "w.yaml", true).unwrap_err().message.contains("not a regular file"));
    let link = dir.path().join("link.yaml");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(read(&link, "link.yaml", false).is_err());
}
