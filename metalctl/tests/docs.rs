//! What the pages tell operators to type can be typed, and the exit codes that they list are those there are.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser};
use metalctl::args::Args;
use metalctl::exit::Exit;

const EXITS: [Exit; 9] = [
    Exit::Done,
    Exit::Refused,
    Exit::Usage,
    Exit::Unreachable,
    Exit::NotFound,
    Exit::EndedFailed,
    Exit::TimedOut,
    Exit::Unhealthy,
    Exit::Differs,
];

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    docs.filter(|path| path.extension().is_some_and(|kind| kind == "md"))
        .chain([root.join("README.md")])
        .collect()
}

#[test]
fn every_example_parses() {
    let mut examples = 0;
    for page in pages() {
        for (number, line) in (1..).zip(fs::read_to_string(&page).unwrap().lines()) {
            for command in line.split(" | ").map(str::trim).filter(|part| is_typed(part)) {
                let place = format!("{}:{number}: {command}", page.display());
                let args = words(command);
                if let Err(error) = Args::try_parse_from(&args) {
                    panic!("{place}\n{error}");
                }
                examples += 1;
            }
        }
    }
    assert!(examples > 50, "only {examples} examples were found");
}

/// Each row of the table of causes is what `machine why` shows, word for word but for the machine's name.
#[test]
fn every_command_of_a_cause_parses() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/causes.md");
    let page = fs::read_to_string(page).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let quoted = rows.flat_map(|row| row.split('`').skip(1).step_by(2));
    let commands: Vec<&str> = quoted.filter(|text| text.starts_with("metalctl ")).collect();
    for command in &commands {
        let typed = command.replace("--mac MAC", "--mac 52:54:00:12:34:56");
        if let Err(error) = Args::try_parse_from(words(&typed)) {
            panic!("docs/causes.md: {command}\n{error}");
        }
    }
    assert!(commands.len() > 50, "only {} commands were found", commands.len());
}

#[test]
fn the_exit_codes_are_those_there_are() {
    let page =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operators.md")).unwrap();
    let rows = page.lines().skip_while(|line| !line.starts_with("| exit code")).skip(2);
    let listed: Vec<u8> = rows.map_while(|row| row.split('|').nth(1)?.trim().parse().ok()).collect();
    assert_eq!(listed, EXITS.map(|exit| exit as u8));
    let help = Args::command().render_long_help().to_string();
    let (_, told) = help.split_once("Exit codes: ").unwrap();
    let told: Vec<u8> =
        told.split(',').filter_map(|part| part.split_whitespace().next()?.parse().ok()).collect();
    assert_eq!(told, EXITS.map(|exit| exit as u8));
}

/// And no arrow of a drawing.
fn is_typed(text: &str) -> bool {
    text.starts_with("metalctl ") && !text.contains("-->")
}

/// As a shell would split it, without what it redirects and without its comment.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in command.chars() {
        match (quote, c) {
            (None, '#' | '>' | '<') if word.is_none() => break,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(end), c) if c == end => quote = None,
            (None, ' ') => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[test]
fn words_are_those_of_a_shell() {
    let split = words("metalctl machine list 'node0?' -l \"a b\"=c > x.txt # what it is");
    assert_eq!(split, ["metalctl", "machine", "list", "node0?", "-l", "a b=c"]);
}
