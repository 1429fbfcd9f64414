//! Lists of machines in and out: CSV, and Ansible's inventory; and labels.

use std::path::Path;

use api::client::{Client, Error};
use api::import::{Imported, Problem, contradictions};
use api::label::LabelChange;
use api::state::State;

use crate::args::select::{Listed, Marking, Selection, Sure};
use crate::exit::{Exit, Failure};
use crate::output::Io;
use crate::roster::{self, Mapping};
use crate::several;

pub async fn import(
    client: &Client,
    io: &mut Io<'_>,
    file: &Path,
    mappings: &[Mapping],
    dry_run: bool,
) -> Result<Exit, Failure> {
    let text = text(io, file)?;
    let rows = roster::read(&text, mappings).map_err(|problems| wrong(file, problems))?;
    // Said here too, so that a file that contradicts itself is told so before anybody is asked.
    let problems = contradictions(&rows);
    if !problems.is_empty() {
        return Err(wrong(file, problems));
    }
    let imported = client.import(&rows, dry_run).await.map_err(|error| match error {
        Error::Refused { status: 422, message, .. } => said(file, &message),
        other => other.into(),
    })?;
    if io.json {
        io.json(&imported)?;
    } else {
        io.data(&summary(imported, dry_run))?;
    }
    Ok(Exit::Done)
}

fn text(io: &mut Io<'_>, file: &Path) -> Result<String, Failure> {
    let read = |bytes: Vec<u8>| {
        // What older spreadsheets write; only its letters of ASCII are ours to understand.
        String::from_utf8(bytes)
            .unwrap_or_else(|error| error.as_bytes().iter().map(|b| char::from(*b)).collect())
    };
    if file == Path::new("-") {
        let mut bytes = Vec::new();
        io.input().read_to_end(&mut bytes)?;
        return Ok(read(bytes));
    }
    std::fs::read(file).map(read).map_err(|e| {
        let hint = "`-` reads from standard input; `metalctl machine export` shows the columns";
        Failure::new(Exit::Usage, format!("cannot read `{}`: {e}", file.display()), hint)
    })
}

fn wrong(file: &Path, mut problems: Vec<Problem>) -> Failure {
    problems.sort();
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    said(file, &lines.join("\n"))
}

/// Every line of it with the file's name in front, as compilers do.
fn said(file: &Path, lines: &str) -> Failure {
    let count = lines.lines().count();
    let at: String = lines.lines().map(|line| format!("\n{}: {line}", file.display())).collect();
    let noun = if count == 1 { "problem" } else { "problems" };
    Failure::new(
        Exit::Refused,
        format!("{count} {noun}, and nothing was imported{at}"),
        "correct the file and import it again",
    )
}

fn summary(imported: Imported, dry_run: bool) -> String {
    let Imported { new, changed, unchanged } = imported;
    let would = if dry_run { "would be " } else { "" };
    format!("{would}new: {new}, {would}changed: {changed}, unchanged: {unchanged}")
}

pub async fn export(client: &Client, io: &mut Io<'_>, listed: &Listed) -> Result<Exit, Failure> {
    let mut machines = several::listed(client, listed).await?;
    let before = machines.len();
    // Whoever is imported is let in: strangers and what is history have no place in such a list.
    machines.retain(|machine| machine.enrolled && machine.state != State::Retired);
    if machines.len() < before {
        let left = before - machines.len();
        io.say(&format!("Left out: {left} that are only recorded, or retired"))?;
    }
    let bmcs = client.bmcs().await?;
    let text = roster::write(&machines, &bmcs).map_err(|error| Failure {
        exit: Exit::Refused,
        message: error.to_string(),
        hint: None,
    })?;
    io.data(&text)?;
    Ok(Exit::Done)
}

pub async fn label(
    client: &Client,
    io: &mut Io<'_>,
    (selection, sure): (&Selection, Sure),
    markings: Vec<Marking>,
) -> Result<Exit, Failure> {
    let mut change = LabelChange::default();
    for marking in markings {
        match marking {
            Marking::Set(key, value) => _ = change.set.insert(key, value),
            Marking::Remove(key) => change.remove.push(key),
        }
    }
    let chosen = several::selected(client, selection).await?;
    several::confirm(io, &chosen, sure, "label")?;
    several::each(io, chosen, async |machine| client.label(&machine.id.0, &change).await).await
}
