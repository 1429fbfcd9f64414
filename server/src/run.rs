//! Puts the parts together and keeps them running until a signal. The order is the order in which one
//! needs the other.

mod listen;

use std::env;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use api::user::Role;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tracing_subscriber::EnvFilter;

use crate::app::App;
use crate::bmc::bmcs::Bmcs;
use crate::ca::{Authority, ends, private_folder, write_private};
use crate::cluster::Clusters;
use crate::config::{Network, Severity, Site};
use crate::dhcp::sighting::Sightings;
use crate::http::boot::{hash, secret};
use crate::images::Images;
use crate::lifecycle::drive::drive;
use crate::live::{Live, Wire};
use crate::pulse::Pulse;
use crate::seal::{self, Seal};
use crate::store::lease::Addresses;
use crate::store::{NewToken, Store};
use crate::webhook::Pace;
use crate::{bmc, clock, cluster, http, router_advert, trace, webhook};

/// The first operator's token, in the state folder, for root only.
const TOKEN: &str = "operator.token";
/// For the parts, and again for all BMCs together.
const FAREWELL: Duration = Duration::from_secs(3);

/// `metald run`.
pub fn run(config: &Path, database: Option<String>) -> ExitCode {
    let filter = EnvFilter::try_from_env("METALD_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let outcome = tokio::runtime::Runtime::new()
        .context("cannot start the runtime")
        .and_then(|runtime| runtime.block_on(serve(config, database)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// A transfer by TFTP holds a socket, and a boot storm holds thousands: as many as the system lets us.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

async fn serve(config: &Path, database: Option<String>) -> Result<()> {
    raise_open_files();
    let site = load(config)?;
    let app = open(site, database).await?;
    let mut parts = JoinSet::new();
    // Whoever hears that it serves may end it at once.
    let signals = Signals::heeded()?;
    start(&app, &mut parts).await?;
    tracing::info!(site = app.site.name, ca = app.authority.sha256, "metald serves");
    tell(NotifyState::Ready);
    let ended = wait(&app, &mut parts, signals).await;
    tell(NotifyState::Stopping);
    stop(&app, parts).await;
    ended
}

/// Nothing is begun any more, and BMCs are told that we go. Whoever stops us waits for no more than that.
async fn stop(app: &App, mut parts: JoinSet<Result<()>>) {
    // One that is in the middle of something is not waited for.
    let _ = tokio::time::timeout(FAREWELL, parts.shutdown()).await;
    app.bmcs.leave(FAREWELL).await;
}

/// Says it to systemd, where that started us.
fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd was not told");
    }
}

/// Four times within the time after which systemd takes us for dead; without systemd nobody asks.
fn pulse() -> Pulse {
    match sd_notify::watchdog_enabled() {
        Some(patience) => Pulse::new(patience / 4, || tell(NotifyState::Watchdog)),
        None => Pulse::silent(),
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn heeded() -> Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}

/// Ends with a signal, or with the first part that cannot go on.
async fn wait(app: &App, parts: &mut JoinSet<Result<()>>, mut signals: Signals) -> Result<()> {
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => return Ok(()),
            _ = signals.interrupt.recv() => return Ok(()),
            _ = signals.hangup.recv() => report_images(&app.images.reload()),
            ended = parts.join_next() => match ended {
                Some(Ok(Ok(()))) | None => bail!("a part of the server ended by itself"),
                Some(Ok(Err(error))) => return Err(error),
                Some(Err(error)) => return Err(error).context("a part of the server panicked"),
            },
        }
    }
}

fn load(config: &Path) -> Result<Site> {
    let site = Site::load(config).map_err(|errors| anyhow::anyhow!("{errors}"))?;
    for finding in site.check().iter().filter(|finding| finding.severity == Severity::Warning) {
        tracing::warn!(line = finding.line, "{}", finding.message);
    }
    Ok(site)
}

async fn open(site: Site, database: Option<String>) -> Result<App> {
    let state = &site.server.state;
    private_folder(state)?;
    let authority = Authority::open(state, &site.name)?;
    let handed = seal::credential(env::var_os("CREDENTIALS_DIRECTORY").as_deref());
    let seal = Seal::open_with(state, handed.as_deref())?;
    let url = database.unwrap_or_else(|| site.server.database.clone());
    let store = Store::open(&url).await?;
    first_token(&store, state).await?;
    store.cluster_declare(site.clusters.keys().cloned().collect(), clock::now()).await?;
    store.lease_site(site.networks.iter().map(|network| addresses(&site, network)).collect()).await?;
    let images = Images::load(&site.server.images);
    report_images(&images.current());
    Ok(App {
        store,
        site: Arc::new(site),
        images,
        authority: Arc::new(authority),
        seal: Arc::new(seal),
        clusters: Clusters::default(),
        bmcs: Bmcs::default(),
    })
}

fn report_images(catalogue: &crate::images::Catalogue) {
    for image in catalogue.all() {
        tracing::info!(image = image.name, version = image.version, "image");
    }
    for broken in &catalogue.broken {
        tracing::warn!("image {} is left out: {}", broken.name, broken.reason);
    }
}

/// At first start an operator needs a way in: a token in a file, its hash in the store.
async fn first_token(store: &Store, state: &Path) -> Result<()> {
    let path = state.join(TOKEN);
    if !path.exists() {
        let token = secret().map_err(|failure| anyhow::anyhow!(failure.describe().1))?;
        write_private(&path, &format!("{token}\n"))?;
    }
    let token = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let (hash, name) = (hash(&token), "operator".into());
    let first = NewToken { hash, name, role: Role::Admin, kind: "token", expires: None };
    store.token_add(first, clock::now()).await?;
    Ok(())
}

fn addresses(site: &Site, network: &Network) -> Addresses {
    let here = |address: &Ipv4Addr| network.address.contains(*address);
    let named = site.machines.iter().filter_map(|machine| machine.address);
    let reserved = site.reservations.iter().map(|reservation| reservation.address).chain(named).filter(here);
    Addresses {
        network: network.name.clone(),
        pools: network.pools.iter().map(|pool| (pool.first, pool.last)).collect(),
        reserved: reserved.collect(),
        excluded: [Some(network.address.address), network.router].into_iter().flatten().collect(),
    }
}

async fn start(app: &App, parts: &mut JoinSet<Result<()>>) -> Result<()> {
    let (sightings, seen) = Sightings::channel(4096);
    parts.spawn(trace::keep_all(app.clone(), seen));
    let reconciler = app.clone();
    parts.spawn(async move {
        drive(reconciler, pulse().into()).await;
        Ok(())
    });
    let clusters = app.clone();
    parts.spawn(async move {
        cluster::watch::watch(clusters).await;
        Ok(())
    });
    let leaving = app.clone();
    parts.spawn(async move {
        cluster::drain::drain(leaving).await;
        Ok(())
    });
    bmc::update::resume(app, &app.bmcs, bmc::update::LOOK).await?;
    let (polled, powered) = (app.clone(), app.clone());
    parts.spawn(async move {
        let bmcs = polled.bmcs.clone();
        bmc::poll::poll(polled, bmcs).await;
        Ok(())
    });
    parts.spawn(async move {
        let bmcs = powered.bmcs.clone();
        bmc::drive::drive(powered, bmcs).await;
        Ok(())
    });
    let upkeep = app.clone();
    parts.spawn(async move {
        cluster::upkeep::keep_up(upkeep).await;
        Ok(())
    });
    let addresses = listen::https_addresses(app);
    let names: Vec<IpAddr> = addresses.iter().copied().map(IpAddr::from).collect();
    let started = clock::now();
    let (certificate, key) =
        app.authority.server_certificate(&names, &["localhost".into()], started / 1_000_000)?;
    let live = Arc::new(Live {
        started,
        certificate_ends: ends(&certificate).unwrap_or_default(),
        wires: app.site.networks.iter().map(|network| (network.name.clone(), Wire::default())).collect(),
        webhooks: app.site.webhooks.iter().map(|webhook| (webhook.name.clone(), Arc::default())).collect(),
        ..Live::default()
    });
    start_webhooks(app, &live, parts)?;
    let acceptor = http::tls::acceptor(&app.authority.pem, &certificate, &key)?;
    listen::https(app, &live, (addresses, acceptor), parts).await?;
    for network in &app.site.networks {
        let wire = live.wires.get(&network.name).cloned().unwrap_or_default();
        listen::http(app, &live, network, parts).await?;
        listen::dhcp(app, network, (&sightings, wire.dhcp), parts)?;
        listen::tftp(app, network, (&sightings, wire.tftp), parts).await?;
        if network.router_advertisements {
            let interface = network.interface.clone();
            let named = format!("router advertisements on {interface}");
            parts.spawn(async move { router_advert::serve(&interface).await.context(named) });
        }
    }
    Ok(())
}

/// One that cannot be told for want of its secret keeps the server from starting: later nobody would notice.
fn start_webhooks(app: &App, live: &Live, parts: &mut JoinSet<Result<()>>) -> Result<()> {
    for webhook in &app.site.webhooks {
        let receiver =
            webhook::Receiver::new(webhook).with_context(|| format!("webhook `{}`", webhook.name))?;
        let failures = live.webhooks.get(&webhook.name).cloned().unwrap_or_default();
        let app = app.clone();
        parts.spawn(async move { webhook::tell(app, receiver, Pace::default(), failures).await });
    }
    Ok(())
}
