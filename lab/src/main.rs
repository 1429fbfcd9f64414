//! The rack's command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use lab::signals::Signals;
use lab::{Accel, Hardware, Rack};

/// A rack of virtual machines to develop and try metald with.
#[derive(Parser)]
#[command(name = "lab", version)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Say whether this host's acceleration runs a guest, or machines are emulated.
    Probe,
    /// Power on a rack of empty machines and keep it up until Ctrl-C, to run any server beside it.
    Up(Up),
}

#[derive(Args)]
struct Up {
    /// Namespaces are NAME-sw and NAME-srv; the server's interface in NAME-srv is srv0.
    #[arg(long, default_value = "lab")]
    name: String,
    /// Where disks, consoles and captures go.
    #[arg(long, default_value = "target/lab")]
    folder: PathBuf,
    /// The server's address.
    #[arg(long, default_value = "10.77.0.1/24")]
    address: String,
    #[arg(long, default_value_t = 1)]
    bios: u8,
    #[arg(long, default_value_t = 1)]
    uefi: u8,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let outcome = match Arguments::parse().verb {
        Verb::Probe => probe(),
        Verb::Up(up) => keep_up(&up).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn probe() -> Result<()> {
    for accel in [Accel::Kvm, Accel::Tcg] {
        let boots = lab::accel::boots(accel, Path::new("/run/metal-lab"))?;
        println!("{}: {}", accel.argv().join(" "), if boots { "boots" } else { "does not boot" });
    }
    Ok(())
}

async fn keep_up(up: &Up) -> Result<()> {
    let mut signals = Signals::install()?;
    let mut rack = Rack::up(&up.name, &up.folder, &up.address)?;
    for number in 1..=up.bios.saturating_add(up.uefi) {
        let name = format!("node{number:02}");
        let hardware =
            if number <= up.bios { Hardware::bios(&name, number) } else { Hardware::uefi(&name, number) };
        let (mac, firmware) = (hardware.nics[0].mac.clone(), hardware.firmware);
        let machine = rack.add(hardware)?;
        machine.on()?;
        println!("{name} {firmware:?} {mac} on; console: {}", machine.console_file().display());
    }
    println!("`ip netns exec {}-srv COMMAND` runs beside it at {}; Ctrl-C ends it", rack.name, up.address);
    signals.any().await;
    Ok(())
}
