//! The demonstration: two empty machines, one server, and nobody touching anything until both are Ready nodes of a
//! Kubernetes cluster, but for the one yes that a control plane needs.

mod line;
mod output;
mod site;

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use api::client::Client;
use api::machine::{Allowed, Machine};
use api::order::Order;
use api::state::State;

use crate::accel::Accel;
use crate::cluster;
use crate::forward::Forward;
use crate::hardware::Hardware;
use crate::kubectl;
use crate::rack::Rack;
use crate::signals::Signals;
use output::Output;

pub struct Options {
    pub metald: PathBuf,
    pub images: PathBuf,
    /// Disks, consoles, captures, the server's state and log; made anew by each run.
    pub folder: PathBuf,
    /// Of the dashboard on this host; another one is taken if it is in use.
    pub port: u16,
    /// End when the machines are active instead of at Ctrl-C.
    pub exit: bool,
}

/// The images without which no machine gets anywhere.
const IMAGES: [&str; 3] = ["loaders", "ram", cluster::IMAGE];
const START_PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(500);

struct Demo {
    rack: Rack,
    names: Vec<(String, String)>,
    server: Child,
    dashboard: Forward,
    /// Of the machines that have one.
    addresses: Vec<(String, Ipv4Addr)>,
    folder: PathBuf,
}

pub async fn run(options: &Options) -> Result<()> {
    let mut signals = Signals::install()?;
    let mut output = Output::new();
    // Dropping the unfinished future drops the rack in it.
    let demo = tokio::select! {
        demo = play(options, &mut output) => demo?,
        () = signals.any() => bail!("stopped before the machines were active; nothing is left running"),
    };
    output.settle();
    output.say(&demo.farewell(options));
    if !options.exit {
        signals.any().await;
    }
    drop(demo);
    output.say("ended; nothing is left running");
    Ok(())
}

async fn play(options: &Options, output: &mut Output) -> Result<Demo> {
    let mut demo = Demo::start(options)?;
    let how = match demo.rack.accel {
        Accel::Kvm => "accelerated",
        Accel::Tcg => "emulated, as acceleration does not boot here",
    };
    output.say(&format!("rack of {} machines, {how}; metald starts beside it", demo.names.len()));
    let client = demo.client().await?;
    for machine in &demo.rack.machines {
        machine.on()?;
    }
    output.say(&format!("power on; dashboard at https://{}", demo.dashboard.address));
    let mut approved = false;
    loop {
        demo.server_lives()?;
        // The server answers late while two machines are emulated beside it: that is for the next pass.
        if let Ok(machines) = client.machines().await {
            let found = demo.find(&machines);
            output.show(&found, now());
            if !approved && let Some(name) = waits_for_a_yes(&found) {
                approved = approve(&client, output, name).await;
            }
            if let Some(addresses) = all_active(&found) {
                demo.addresses = addresses;
                return Ok(demo);
            }
            if let (true, Some(sentence)) = (options.exit, failure(&found)) {
                bail!("{sentence}; consoles and the server's log are in {}", demo.folder.display());
            }
        }
        tokio::time::sleep(POLL).await;
    }
}

/// The first machine, once it could be installed: no rule makes a control plane.
fn waits_for_a_yes<'a>(found: &[(&'a str, Option<&Machine>)]) -> Option<&'a str> {
    let (name, machine) = found.first()?;
    machine.filter(|machine| machine.state == State::Available).map(|_| *name)
}

/// False when the server was not ready for it: that is for the next pass.
async fn approve(client: &Client, output: &Output, name: &str) -> bool {
    let Ok(erasure) = client.erasure(name, false).await else { return false };
    let order = Order::yes_to(&erasure.digest);
    let said = client.order(name, ("approve", Allowed::default()), &order).await.is_ok();
    if said {
        output.say(&format!(
            "{name} becomes a control plane; here is the yes: metalctl machine approve {name}"
        ));
    }
    said
}

/// With their addresses, or None while one is not there yet.
fn all_active(found: &[(&str, Option<&Machine>)]) -> Option<Vec<(String, Ipv4Addr)>> {
    let active = |machine: &Machine| machine.state == State::Active;
    if !found.iter().all(|(_, machine)| machine.is_some_and(active)) {
        return None;
    }
    let address =
        |(name, machine): &(&str, Option<&Machine>)| Some(((*name).to_owned(), (*machine)?.address?));
    Some(found.iter().filter_map(address).collect())
}

fn failure(found: &[(&str, Option<&Machine>)]) -> Option<String> {
    let failed = |(name, machine): &(&str, Option<&Machine>)| {
        let machine = machine.filter(|machine| machine.state == State::Failed)?;
        Some(format!("{name} failed: {}", machine.reason.as_deref().unwrap_or("no reason was given")))
    };
    found.iter().find_map(failed)
}

impl Demo {
    fn start(options: &Options) -> Result<Self> {
        for image in IMAGES {
            let manifest = options.images.join(image).join("manifest.toml");
            ensure!(manifest.exists(), "no {}: build the images first (images/build)", manifest.display());
        }
        let mut rack = Rack::up("demo", &options.folder, site::ADDRESS)?;
        let folder = rack.folder.clone();
        let machines = [
            cluster::control_plane(Hardware::bios("node01", 1)),
            cluster::worker(Hardware::uefi("node02", 2)),
        ];
        let config = write_site(&folder, options, &machines)?;
        let names = machines.iter().map(|m| (m.name.clone(), m.nics[0].mac.clone())).collect();
        for machine in machines {
            rack.add(machine)?;
        }
        let log = folder.join("metald.log");
        let said = File::create(&log).with_context(|| format!("create {}", log.display()))?;
        let mut command = Command::new(&options.metald);
        command.args(["run", "--config"]).arg(config).stdin(Stdio::null());
        command.stdout(said.try_clone().context("clone the server's log")?).stderr(said);
        let server = rack.spawn(command).context("start the server: is it built?")?;
        let dashboard = open_dashboard(&rack, options.port)?;
        Ok(Self { rack, names, server, dashboard, addresses: vec![], folder })
    }

    /// When the server has made its CA and token, and answers.
    async fn client(&mut self) -> Result<Client> {
        let end = Instant::now() + START_PATIENCE;
        let state = self.folder.join("state");
        loop {
            self.server_lives()?;
            let ca = fs::read_to_string(state.join("ca.pem"));
            let token = fs::read_to_string(state.join("operator.token"));
            if let (Ok(ca), Ok(token)) = (ca, token) {
                let client = Client::new(&format!("https://{}", self.dashboard.address), &ca, None);
                let client = client.context("use the server's CA")?.with_token(&token);
                match client.machines().await {
                    Ok(_) => return Ok(client),
                    Err(error) if Instant::now() > end => return Err(error).context(self.see_log()),
                    Err(_) => {}
                }
            }
            ensure!(Instant::now() < end, "the server did not come up; {}", self.see_log());
            tokio::time::sleep(POLL).await;
        }
    }

    fn server_lives(&mut self) -> Result<()> {
        if let Some(status) = self.server.try_wait().context("ask for the server's state")? {
            let log = fs::read_to_string(self.folder.join("metald.log")).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(10).collect();
            let tail: String = tail.into_iter().rev().map(|line| format!("\n  {line}")).collect();
            bail!("the server ended ({status}) and said last:{tail}");
        }
        Ok(())
    }

    fn see_log(&self) -> String {
        format!("see {}", self.folder.join("metald.log").display())
    }

    /// Each machine of the rack with what the server knows of it.
    fn find<'a>(&'a self, machines: &'a [Machine]) -> Vec<(&'a str, Option<&'a Machine>)> {
        let by_mac = |mac: &str| machines.iter().find(|m| m.interfaces.iter().any(|i| i.to_string() == mac));
        self.names.iter().map(|(name, mac)| (name.as_str(), by_mac(mac))).collect()
    }

    fn farewell(&self, options: &Options) -> String {
        let folder = self.folder.display();
        let address = self.dashboard.address;
        let metalctl = options.metald.with_file_name("metalctl");
        let mut text = format!(
            "\nAll machines are active, and their nodes Ready.\n\
             \x20 dashboard  https://{address}, its certificate signed by {folder}/state/ca.pem\n\
             \x20 log in     with the token in {folder}/state/operator.token\n\
             \x20 metalctl   METALCTL_SERVER=https://{address} METALCTL_CA={folder}/state/ca.pem \\\n\
             \x20            METALCTL_TOKEN_FILE={folder}/state/operator.token {} machine list\n",
            metalctl.display(),
        );
        for (name, address) in &self.addresses {
            let ssh = format!("ip netns exec {}-srv ssh -i {folder}/ssh-key root@{address}", self.rack.name);
            text.push_str(&format!("  {name:<10} {ssh}\n"));
        }
        let kubectl = kubectl::find(&options.images).unwrap_or_else(|_| "kubectl".into());
        text.push_str(&format!(
            "  kubeconfig metalctl cluster kubeconfig {} >{folder}/kubeconfig\n\
             \x20 kubectl    ip netns exec {}-srv {} --kubeconfig {folder}/kubeconfig get nodes -o wide\n",
            cluster::NAME,
            self.rack.name,
            kubectl.display(),
        ));
        text.push_str("  stop       Ctrl-C; no process, interface or namespace stays behind\n");
        text
    }
}

fn open_dashboard(rack: &Rack, port: u16) -> Result<Forward> {
    let (address, _) = site::ADDRESS.split_once('/').context("the server's address has a prefix")?;
    let to = SocketAddr::new(address.parse().context("read the server's address")?, site::HTTPS_PORT);
    let listen = |port| rack.forward(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), to);
    listen(port).or_else(|_| listen(0))
}

fn write_site(folder: &Path, options: &Options, machines: &[Hardware]) -> Result<PathBuf> {
    let state = folder.join("state");
    if state.exists() {
        fs::remove_dir_all(&state).with_context(|| format!("remove the old {}", state.display()))?;
    }
    let images =
        options.images.canonicalize().with_context(|| format!("find {}", options.images.display()))?;
    let config = folder.join("site.toml");
    let text = site::file(&state, &images, &ssh_key(folder)?, machines);
    fs::write(&config, text).with_context(|| format!("write {}", config.display()))?;
    Ok(config)
}

/// The public half of a key of the demonstration's own.
fn ssh_key(folder: &Path) -> Result<String> {
    let key = folder.join("ssh-key");
    if !key.exists() {
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-t", "ed25519", "-N", "", "-C", "demo", "-f"]).arg(&key);
        let status = command.status().context("start ssh-keygen: is openssh-client installed?")?;
        ensure!(status.success(), "ssh-keygen failed ({status})");
    }
    let public = key.with_extension("pub");
    fs::read_to_string(&public).with_context(|| format!("read {}", public.display()))
}

/// Microseconds since 1970, as everywhere in the API.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
