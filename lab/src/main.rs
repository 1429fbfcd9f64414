//! The rack's command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use lab::demo::Options;
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
    /// Two empty machines, one BIOS and one UEFI, become nodes of a Kubernetes cluster.
    Demo(Demo),
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
    /// Of each machine, in MiB; a control plane of Kubernetes wants 3072.
    #[arg(long, default_value_t = 1024)]
    memory: u32,
}

#[derive(Args)]
struct Demo {
    /// The server; beside this program unless named.
    #[arg(long)]
    metald: Option<PathBuf>,
    /// Built by images/build; in the cache folder unless named.
    #[arg(long)]
    images: Option<PathBuf>,
    /// Disks, consoles, captures and the server's state; in the cache folder unless named.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Of the dashboard, on this host's loopback.
    #[arg(long, default_value_t = 8443)]
    port: u16,
    /// End when the machines are active, and fail when one has failed.
    #[arg(long)]
    exit: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let outcome = match Arguments::parse().verb {
        Verb::Probe => probe(),
        Verb::Up(up) => keep_up(&up).await,
        Verb::Demo(demo) => run_demo(demo).await,
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
        let hardware = Hardware { memory_mb: up.memory, ..hardware };
        let (mac, firmware) = (hardware.nics[0].mac.clone(), hardware.firmware);
        let machine = rack.add(hardware)?;
        machine.on()?;
        println!("{name} {firmware:?} {mac} on; console: {}", machine.console_file().display());
    }
    println!("`ip netns exec {}-srv COMMAND` runs beside it at {}; Ctrl-C ends it", rack.name, up.address);
    signals.any().await;
    Ok(())
}

async fn run_demo(demo: Demo) -> Result<()> {
    let own = std::env::current_exe().context("find this program's own path")?;
    let options = Options {
        metald: demo.metald.unwrap_or_else(|| own.with_file_name("metald")),
        images: demo.images.map_or_else(|| Ok(cache()?.join("images")), Ok::<_, anyhow::Error>)?,
        folder: demo.folder.map_or_else(|| Ok(cache()?.join("demo")), Ok::<_, anyhow::Error>)?,
        port: demo.port,
        exit: demo.exit,
    };
    lab::demo::run(&options).await
}

/// The same folder that images/build uses.
fn cache() -> Result<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    Ok(cache
        .context("neither XDG_CACHE_HOME nor HOME is set: name the folders by --images and --folder")?
        .join("metal"))
}
