//! Runs the programs that the agent leaves work to, and turns their failures into sentences.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs to the end and returns what it printed.
pub fn run<A: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = A>) -> Result<String> {
    let ended = end(program, arguments)?;
    match ended.code {
        Some(0) => Ok(ended.output),
        code => bail!("{} {}{}", ended.line, died(code), ended.complaint),
    }
}

/// How a program ended, for those whose exit code is part of the answer.
pub struct Ended {
    pub line: String,
    pub code: Option<i32>,
    pub output: String,
    /// What it said on stderr, as the end of a sentence.
    pub complaint: String,
}

pub fn end<A: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = A>) -> Result<Ended> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).env("LC_ALL", "C");
    let line = line(&command);
    let output = command.output().with_context(|| format!("cannot start {program}: is it in this image?"))?;
    let complaint = last_lines(&String::from_utf8_lossy(&output.stderr));
    Ok(Ended {
        line,
        code: output.status.code(),
        output: String::from_utf8_lossy(&output.stdout).into_owned(),
        complaint,
    })
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

pub fn died(code: Option<i32>) -> String {
    code.map_or("was killed".into(), |c| format!("ended with {c}"))
}

/// A program's last words tell why; what it said before fills a page.
fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(3)..].join(" | ");
    if last.is_empty() { last } else { format!(": {last}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_name_the_program_and_its_last_words() {
        assert_eq!(run("echo", ["a"]).unwrap(), "a\n");
        let error = run("sh", ["-c", "echo one >&2; echo no space >&2; exit 4"]).unwrap_err();
        assert!(error.to_string().ends_with("ended with 4: one | no space"), "{error}");
        let none: [&str; 0] = [];
        assert!(run("no-such-program", none).unwrap_err().to_string().contains("no-such-program"));
    }
}
