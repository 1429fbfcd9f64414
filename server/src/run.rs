//! Puts the parts together and keeps them running until a signal. The order is the order in which one
//! needs the other.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use api::user::Role;
use axum::middleware::from_fn_with_state;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sd_notify::NotifyState;
use tokio::net::{TcpListener, UdpSocket};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tracing_subscriber::EnvFilter;

use crate::app::App;
use crate::ca::{Authority, ends, private_folder, write_private};
use crate::cluster::Clusters;
use crate::config::{Network, Severity, Site};
use crate::dhcp::answer::Subnet;
use crate::dhcp::link::Link;
use crate::dhcp::serve::{Caller, Dhcp, Known, Place, WhoIsIt};
use crate::dhcp::sighting::{Sighting, Sightings};
use crate::http::boot::{hash, secret};
use crate::images::Images;
use crate::lifecycle::drive::drive;
use crate::live::{Live, Wire};
use crate::ports::Port;
use crate::seal::Seal;
use crate::store::lease::Addresses;
use crate::store::{NewToken, Result as Stored, Store};
use crate::tftp::transfer::Limits;
use crate::webhook::Pace;
use crate::who::uuid_counts;
use crate::{boot, clock, cluster, dhcp, http, live, router_advert, tftp, webhook};

/// The first operator's token, in the state folder, for root only.
const TOKEN: &str = "operator.token";

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
    start(&app, &mut parts).await?;
    tracing::info!(site = app.site.name, ca = app.authority.sha256, "metald serves");
    tell(NotifyState::Ready);
    let ended = wait(&app, &mut parts).await;
    tell(NotifyState::Stopping);
    ended
}

/// Says it to systemd, where that started us.
fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd was not told");
    }
}

/// Ends with a signal, or with the first part that cannot go on.
async fn wait(app: &App, parts: &mut JoinSet<Result<()>>) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    // Twice within the time after which systemd takes us for dead; without systemd nobody asks.
    let watchdog = sd_notify::watchdog_enabled();
    let mut alive =
        tokio::time::interval(watchdog.map_or(Duration::from_secs(3600), |patience| patience / 2));
    loop {
        tokio::select! {
            _ = alive.tick() => if watchdog.is_some() { tell(NotifyState::Watchdog) },
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hangup.recv() => report_images(&app.images.reload()),
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
    let seal = Seal::open(state)?;
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
    parts.spawn(trace(app.clone(), seen));
    let reconciler = app.clone();
    parts.spawn(async move {
        drive(reconciler).await;
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
    let upkeep = app.clone();
    parts.spawn(async move {
        cluster::upkeep::keep_up(upkeep).await;
        Ok(())
    });
    let addresses = https_addresses(app);
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
    start_https(app, &live, (addresses, acceptor), parts).await?;
    for network in &app.site.networks {
        let wire = live.wires.get(&network.name).cloned().unwrap_or_default();
        start_http(app, &live, network, parts).await?;
        start_dhcp(app, network, (&sightings, wire.dhcp), parts)?;
        start_tftp(app, network, (&sightings, wire.tftp), parts).await?;
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

async fn listen(port: Port) -> Result<TcpListener> {
    TcpListener::bind(port.address).await.map_err(|error| port.refused(&error))
}

/// Agents, operators and browsers: on each network, and on loopback for the tools on this machine.
fn https_addresses(app: &App) -> Vec<Ipv4Addr> {
    let networks = app.site.networks.iter().map(|network| network.address.address);
    std::iter::once(Ipv4Addr::LOCALHOST).chain(networks).collect()
}

async fn start_https(
    app: &App,
    live: &Arc<Live>,
    (addresses, acceptor): (Vec<Ipv4Addr>, TlsAcceptor),
    parts: &mut JoinSet<Result<()>>,
) -> Result<()> {
    let router = http::secure(app.clone()).layer(axum::Extension(live.clone()));
    let router = router.layer(from_fn_with_state(live.clone(), live::count));
    for address in addresses {
        let listener = listen(Port::tcp("HTTPS", address, app.site.server.https_port)).await?;
        let (acceptor, router) = (acceptor.clone(), router.clone());
        parts.spawn(async move {
            http::tls::serve(listener, acceptor, router).await;
            Ok(())
        });
    }
    Ok(())
}

async fn start_http(
    app: &App,
    live: &Arc<Live>,
    network: &Network,
    parts: &mut JoinSet<Result<()>>,
) -> Result<()> {
    let listener = listen(Port::tcp("HTTP boot", network.address.address, app.site.server.http_port)).await?;
    let router = http::plain(app.clone()).layer(from_fn_with_state(live.clone(), live::count));
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    parts.spawn(async move { axum::serve(listener, router).await.context("the boot server stopped") });
    Ok(())
}

fn start_dhcp(
    app: &App,
    network: &Network,
    (sightings, counters): (&Sightings, Arc<dhcp::serve::Counters>),
    parts: &mut JoinSet<Result<()>>,
) -> Result<()> {
    let dhcp =
        Dhcp { store: app.store.clone(), who: who(app.clone()), sightings: sightings.clone(), counters };
    let place = Place {
        network: network.name.clone(),
        interface: network.interface.clone(),
        subnet: subnet(app, network),
    };
    let named = format!("DHCP on {}", network.interface);
    let port = Port::udp("DHCP", Ipv4Addr::UNSPECIFIED, dhcp::packet::SERVER_PORT);
    let link = Link::open(&network.interface, network.address.address)
        .map_err(|error| port.refused(&error))
        .context(named.clone())?;
    parts.spawn(async move { dhcp::serve::serve(link, place, Arc::new(dhcp)).await.context(named) });
    Ok(())
}

fn subnet(app: &App, network: &Network) -> Subnet {
    Subnet {
        server: network.address.address,
        prefix: network.address.prefix,
        router: network.router,
        dns: network.dns.clone(),
        ntp: network.ntp.clone(),
        domain: network.domain.clone(),
        lease_s: u32::try_from(network.lease.as_secs()).unwrap_or(u32::MAX),
        http: format!("http://{}:{}", network.address.address, app.site.server.http_port),
        bios_loader: "undionly.kpxe".into(),
        uefi_loader: "snponly.efi".into(),
        uefi_loader_path: api::routes::boot::image("loaders", "snponly.efi"),
    }
}

/// Who asks DHCP: a client that netboots gets a row, one that does not gets a plain lease.
fn who(app: App) -> WhoIsIt {
    Arc::new(move |caller: Caller| {
        let app = app.clone();
        Box::pin(async move { known(&app, caller).await })
    })
}

async fn known(app: &App, caller: Caller) -> Stored<Known> {
    let netboots = caller.firmware.netboots();
    let row = match netboots {
        true => app.machine_of(caller.mac, &seen_as(app, &caller).await?, clock::now()).await?,
        false => app.store.machine_by_mac(caller.mac).await?,
    };
    Ok(Known {
        ignored: netboots && row.is_none(),
        netboots: row.is_some(),
        reserved: match app.site.reserved_for(caller.mac) {
            Some(reserved) => Some(reserved),
            None => app.store.reservation_of(caller.mac).await?,
        },
        hostname: row.and_then(|row| row.hostname),
    })
}

/// A UUID that a machine is known by is only a hint on the wire: the hardware's inventory decides.
async fn seen_as(app: &App, caller: &Caller) -> Stored<String> {
    let uuid = caller.uuid.map(|uuid| uuid.to_string()).filter(|uuid| uuid_counts(uuid));
    let known = match uuid {
        Some(uuid) => app.store.machine_by_uuid(&uuid).await?,
        None => None,
    };
    Ok(match known {
        Some(row) => {
            format!("{}, with the UUID of {}: a new or second port of it?", caller.firmware, row.name())
        }
        None => caller.firmware.to_string(),
    })
}

async fn start_tftp(
    app: &App,
    network: &Network,
    (sightings, counters): (&Sightings, Arc<tftp::serve::Counters>),
    parts: &mut JoinSet<Result<()>>,
) -> Result<()> {
    let address = network.address.address;
    let autoexec = boot::script::autoexec(&format!("http://{address}:{}", app.site.server.http_port));
    let images = app.images.clone();
    let files = Arc::new(move |name: &str, _client: IpAddr| match name {
        "autoexec.ipxe" => Some(autoexec.clone().into()),
        name => images.current().loader(name),
    });
    let tftp = tftp::serve::Tftp {
        files,
        store: app.store.clone(),
        sightings: sightings.clone(),
        limits: Limits { mtu: 1500, window: 64 },
        counters,
    };
    let port = Port::udp("TFTP", address, tftp::serve::PORT);
    let socket = UdpSocket::bind(port.address).await.map_err(|error| port.refused(&error))?;
    let named = format!("TFTP on {address}");
    parts.spawn(async move { tftp::serve::serve(socket, Arc::new(tftp)).await.context(named) });
    Ok(())
}

/// Keeps what the wire shells saw with the machine it was seen of.
async fn trace(app: App, mut seen: mpsc::Receiver<Sighting>) -> Result<()> {
    while let Some(sighting) = seen.recv().await {
        if let Err(error) = keep(&app, sighting).await {
            tracing::error!(%error, "a hop of a boot was not kept");
        }
    }
    Ok(())
}

async fn keep(app: &App, sighting: Sighting) -> Stored<()> {
    let Some(row) = app.store.machine_by_mac(sighting.mac).await? else { return Ok(()) };
    let evidence = format!("{}: {}", sighting.hop.name.as_str(), sighting.hop.detail);
    let at = sighting.hop.at;
    app.store.hop(&row.id(), sighting.hop, sighting.by_firmware).await?;
    if sighting.by_firmware {
        app.store.machine_seen(&row.id(), evidence, at).await?;
    }
    Ok(())
}
