//! Files that are compared as a whole.

/// What was rendered is left in the target folder, for `diff` and, if it is meant, for `cp`.
pub fn golden(name: &str, text: &str) {
    let expected = format!("{}/tests/cluster/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    let rendered = format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&rendered, text).unwrap();
    let same = std::fs::read_to_string(&expected).is_ok_and(|expected| expected == text);
    assert!(same, "diff {expected} {rendered}");
}
