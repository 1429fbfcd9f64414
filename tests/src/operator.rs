//! An operator at the desk: types a line of `metalctl` and reads what it says.

use std::process::{Command, Output, Stdio};

use anyhow::Result;

use crate::desk::Desk;
use crate::server::program;

#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

pub fn run(desk: &Desk, line: &str) -> Result<Said> {
    let Output { status, stdout, stderr } = command(desk, line)?.output()?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Ok(Said { code: status.code().unwrap_or(-1), out: text(&stdout), err: text(&stderr) })
}

/// A `metalctl` that knows the desk, and how an operator types it.
pub fn command(desk: &Desk, line: &str) -> Result<Command> {
    let mut command = Command::new(program("metalctl")?);
    command.env("METALCTL_SERVER", desk.url("")).env("METALCTL_CA", desk.folder.path().join("ca.pem"));
    command.env("METALCTL_TOKEN_FILE", desk.folder.path().join("operator.token"));
    command.args(line.split(' ')).stdin(Stdio::null());
    Ok(command)
}
