//! The rack's command line.

use std::path::Path;

use anyhow::Result;
use clap::{Parser, Subcommand};
use lab::Accel;

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
}

fn main() -> Result<()> {
    match Arguments::parse().verb {
        Verb::Probe => probe(),
    }
}

fn probe() -> Result<()> {
    for accel in [Accel::Kvm, Accel::Tcg] {
        let boots = lab::accel::boots(accel, Path::new("/run/metal-lab"))?;
        println!("{}: {}", accel.argv().join(" "), if boots { "boots" } else { "does not boot" });
    }
    Ok(())
}
