//! The house rules as code: a rule that is not executed is a wish. Each message says what to do.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[test]
fn every_file_says_what_it_is_for() {
    for source in sources() {
        let lines = source.text.lines().take_while(|line| line.starts_with("//!")).count();
        assert!((1..=5).contains(&lines), "{}: open it with //! in one to five lines", source.path);
    }
}

#[test]
fn no_file_is_a_drawer_for_everything() {
    for source in sources() {
        let name = Path::new(&source.path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let drawers = ["utils", "util", "helpers", "helper", "common", "misc", "manager"];
        assert!(!drawers.contains(&name.as_str()), "{}: name it after what is in it", source.path);
    }
}

#[test]
fn pure_files_have_no_clock_socket_file_or_database() {
    let impure = [
        "async",
        "await",
        "tokio",
        "Instant::now",
        "SystemTime",
        "sqlx",
        "std::fs",
        "File",
        "UdpSocket",
        "TcpStream",
        "TcpListener",
        "std::process",
        "Mutex",
        "println",
        "new_v4",
        "getrandom",
    ];
    let page = read("docs/architecture.md");
    let list: Vec<&str> = fenced(&page, "pure").lines().collect();
    let sources = sources();
    for entry in &list {
        let named: Vec<&Source> = sources.iter().filter(|s| covers(entry, &s.path)).collect();
        assert!(!named.is_empty(), "docs/architecture.md calls {entry} pure, and there is no such file");
        for source in named.into_iter().filter(|s| !s.is_test()) {
            for word in impure {
                let found =
                    source.code().iter().find(|(_, line)| has_word(line, word)).map(|(number, _)| *number);
                assert_eq!(found, None, "{}: pure, and has `{word}` in this line", source.path);
            }
        }
    }
}

#[test]
fn sql_is_in_the_store_only_and_one_file_writes_state() {
    let verbs = ["\"SELECT ", "\"INSERT INTO ", "\"UPDATE ", "\"DELETE FROM ", "\"CREATE TABLE "];
    for source in sources().into_iter().filter(|s| !s.is_test()) {
        let in_store = source.path.starts_with("server/src/store");
        for (number, line) in source.code() {
            let sql = has_word(line, "sqlx") || verbs.iter().any(|verb| line.contains(verb));
            assert!(in_store || !sql, "{}:{number}: SQL belongs under server/src/store", source.path);
            let writes = line.contains("UPDATE machine SET") && has_word(line, "state");
            let writer = source.path == "server/src/store/apply.rs";
            assert!(writer || !writes, "{}:{number}: only store/apply.rs writes a state", source.path);
        }
    }
}

#[test]
fn only_command_lines_print_and_only_clocks_know_the_time() {
    let print = [
        "lab/src/demo/output.rs",
        "lab/src/main.rs",
        "metalctl/src/main.rs",
        "metalctl/src/output.rs",
        "server/src/check.rs",
        "server/src/init.rs",
        "server/src/main.rs",
        // A boot takes minutes: whoever waits for its test reads how far it is.
        "tests/src/hall.rs",
        "tests/src/stage.rs",
    ];
    for source in sources().into_iter().filter(|s| !s.is_test()) {
        for (number, line) in source.code() {
            let prints =
                ["println!", "eprintln!", "print!", "eprint!", "dbg!"].iter().any(|p| has_word(line, p));
            assert!(
                !prints || print.contains(&source.path.as_str()),
                "{}:{number}: a library does not print; trace it, or return it",
                source.path
            );
            let clock = line.contains("SystemTime::now") || line.contains("Timestamp::now");
            let server = source.path.starts_with("server/") && source.path != "server/src/clock.rs";
            assert!(
                !(clock && server),
                "{}:{number}: take the time as an argument, from clock.rs",
                source.path
            );
        }
    }
}

#[test]
fn nothing_is_left_for_later_or_allowed_without_a_reason() {
    let later = ["TODO", "FIXME", "XXX", "todo!", "unimplemented!"];
    for source in sources().into_iter().filter(|s| s.path != "tests/tests/tidy.rs") {
        for (number, line) in (1..).zip(source.text.lines()) {
            let left = later.iter().find(|word| has_word(line, word));
            assert_eq!(left, None, "{}:{number}: do it, or open an issue", source.path);
            let allows = line.contains("[allow(") || line.contains("[expect(");
            assert!(
                !allows || line.contains("reason ="),
                "{}:{number}: say why: reason = \"…\"",
                source.path
            );
        }
    }
}

#[test]
fn crates_are_built_with_what_the_drawing_says() {
    let page = read("docs/architecture.md");
    let drawn: BTreeSet<String> = fenced(&page, "mermaid")
        .lines()
        .filter(|line| line.contains("-->"))
        .map(|line| line.trim().into())
        .collect();
    let workspace: toml::Table = read("Cargo.toml").parse().expect("the workspace's manifest");
    let members: Vec<String> = workspace["workspace"]["members"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|member| member.as_str().map(str::to_string))
        .collect();
    let mut built = BTreeSet::new();
    for member in &members {
        let manifest: toml::Table = read(&format!("{member}/Cargo.toml")).parse().expect("a manifest");
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let names = manifest.get(section).and_then(|s| s.as_table()).into_iter().flat_map(|s| s.keys());
            built.extend(
                names.filter(|name| members.contains(name)).map(|name| format!("{member} --> {name}")),
            );
        }
    }
    assert_eq!(built, drawn, "draw docs/architecture.md anew, or drop the dependency");
}

#[test]
fn images_have_a_manifest_and_migrations_an_explanation() {
    let mut images = 0;
    let (manifests, others): (Vec<_>, Vec<_>) =
        folders("images").into_iter().partition(|folder| root().join(folder).join("image.toml").exists());
    for folder in others {
        let layer = folder.replace("images/", "layer = \"");
        let laid = manifests.iter().any(|image| read(&format!("{image}/image.toml")).contains(&layer));
        assert!(laid, "{folder}: give it an image.toml, or name it in one as a layer");
    }
    for folder in manifests {
        let path = format!("{folder}/image.toml");
        let manifest: toml::Table = read(&path).parse().unwrap_or_else(|error| panic!("{path}: {error}"));
        for key in ["name", "kind", "arch", "description"] {
            assert!(manifest.get(key).is_some_and(|v| v.is_str()), "{path}: give it a {key}");
        }
        let files = manifest.get("file").and_then(|f| f.as_array()).map_or(0, Vec::len);
        assert!(files > 0, "{path}: name the files that the recipe makes in [[file]] tables");
        assert!(root().join(&folder).join("recipe").exists(), "{folder}: add an executable `recipe`");
        images += 1;
    }
    assert!(images > 0, "images/ has no folder");
    for entry in std::fs::read_dir(root().join("migrations")).expect("the migrations").flatten() {
        let text = std::fs::read_to_string(entry.path()).expect("a migration");
        assert!(text.starts_with("-- "), "{:?}: open it with a comment that says why", entry.file_name());
    }
}

struct Source {
    /// From the root of the repository.
    path: String,
    text: String,
}

impl Source {
    fn is_test(&self) -> bool {
        self.path.contains("/tests/")
            || self.path.ends_with("/tests.rs")
            || self.path.ends_with("/simulation.rs")
    }

    /// Numbered lines without comments, up to the tests at the end of the file.
    fn code(&self) -> Vec<(usize, &str)> {
        let end = self.text.find("#[cfg(test)]\nmod tests {").unwrap_or(self.text.len());
        let lines = (1..).zip(self.text[..end].lines());
        lines.filter(|(_, line)| !line.trim_start().starts_with("//")).collect()
    }
}

/// All of our Rust, wherever it lies.
fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the repository").flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                folders.push(path);
            } else if name.ends_with(".rs") {
                let text = std::fs::read_to_string(&path).expect("a source file");
                let path = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
                sources.push(Source { path, text });
            }
        }
    }
    assert!(sources.len() > 50, "only {} source files were found", sources.len());
    sources
}

fn folders(below: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(below)).expect("a folder of the repository").flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    folders.map(|entry| format!("{below}/{}", entry.file_name().to_string_lossy())).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The first block of a page that is fenced with this word.
fn fenced<'a>(page: &'a str, word: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("```{word}\n")).unwrap_or_else(|| panic!("no ```{word} block"));
    rest.split_once("```").map_or(rest, |(block, _)| block)
}

fn covers(entry: &str, path: &str) -> bool {
    path == entry || (entry.ends_with('/') && path.starts_with(entry))
}

/// Whether a line has the word, and not as a part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (line[..at].chars().next_back(), line[at + word.len()..].chars().next());
        !part(before) && !part(after)
    })
}
