//! `metal-agent`: no arguments, no settings; all it needs is in the kernel's command line or in /etc/metal.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match agent::run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
