//! The `metalctl` program: hands the process's arguments and streams to [`metalctl::run`] and its answer
//! to the shell.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::Parser;
use metalctl::args::Args;
use metalctl::output::{Io, Screen};

fn main() -> ExitCode {
    let args = Args::parse();
    let screen = Screen {
        input: io::stdin().is_terminal(),
        output: io::stdout().is_terminal(),
        talk: io::stderr().is_terminal(),
        colour: std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
    };
    let (mut out, mut err, mut input) = (io::stdout(), io::stderr(), io::stdin().lock());
    let mut io = Io::new(&mut out, &mut err, &mut input, screen);
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(metalctl::run(args, &mut io)).into(),
        Err(e) => io.complain(&e.into()).into(),
    }
}
