//! docs/rules.md says which rule has which test: each of them exists, and is a test.

use std::path::{Path, PathBuf};

#[test]
fn every_rule_has_its_tests() {
    let page = read("docs/rules.md");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).collect();
    let rules: Vec<&str> = rows.into_iter().filter(|row| !row.starts_with("| rule |")).collect();
    assert!(rules.len() > 50, "only {} rules were found in docs/rules.md", rules.len());
    for rule in rules {
        let named: Vec<&str> = rule.split('`').filter(|words| words.contains(".rs::")).collect();
        assert!(!named.is_empty(), "docs/rules.md: name the test of this rule: {rule}");
        for name in named {
            let (file, function) = name.split_once("::").unwrap_or_default();
            assert!(is_test(&read(file), function), "docs/rules.md: {file} has no test `{function}`");
        }
    }
}

#[test]
fn what_is_no_test_is_told_from_one() {
    let text = "#[test]\nfn a() {}\n\n#[tokio::test(start_paused = true)]\n#[ignore = \"long\"]\nasync fn b() {}\n\n\
                fn c() {}\npub async fn d(database: Database) {}\n";
    let found: Vec<&str> = ["a", "b", "c", "d", "e"].into_iter().filter(|name| is_test(text, name)).collect();
    assert_eq!(found, ["a", "b", "d"]);
}

/// By its attribute; or it takes a database, and is in the list of those that run on each of them.
fn is_test(text: &str, function: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let begins =
        |line: &str, words: &str| line.split_once(words).is_some_and(|(_, rest)| rest.starts_with('('));
    let Some(at) = lines.iter().position(|line| begins(line, &format!("fn {function}"))) else {
        return false;
    };
    let mut attributes = lines[..at].iter().rev().take_while(|line| line.starts_with("#["));
    let marked = attributes.any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"));
    marked || lines[at].contains("(database: Database)")
}

fn read(path: &str) -> String {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").into();
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
