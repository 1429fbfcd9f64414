//! The listeners of the server: HTTPS on every address of its own, and on each network plain HTTP, DHCP and TFTP. A port
//! that cannot be had is told with its holder.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::middleware::from_fn_with_state;
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::app::App;
use crate::config::Network;
use crate::dhcp::answer::Subnet;
use crate::dhcp::link::Link;
use crate::dhcp::serve::{Caller, Dhcp, Known, Place, WhoIsIt};
use crate::dhcp::sighting::Sightings;
use crate::live::Live;
use crate::ports::Port;
use crate::store::Result as Stored;
use crate::tftp::transfer::Limits;
use crate::who::uuid_counts;
use crate::{boot, clock, dhcp, http, live, tftp};

/// Agents, operators and browsers: on each network, and on loopback for the tools on this machine.
pub fn https_addresses(app: &App) -> Vec<Ipv4Addr> {
    let networks = app.site.networks.iter().map(|network| network.address.address);
    std::iter::once(Ipv4Addr::LOCALHOST).chain(networks).collect()
}

pub async fn https(
    app: &App,
    live: &Arc<Live>,
    (addresses, acceptor): (Vec<Ipv4Addr>, TlsAcceptor),
    parts: &mut JoinSet<Result<()>>,
) -> Result<()> {
    let router = http::secure(app.clone()).layer(axum::Extension(live.clone()));
    let router = router.layer(from_fn_with_state(live.clone(), live::count));
    for address in addresses {
        let listener = bound(Port::tcp("HTTPS", address, app.site.server.https_port)).await?;
        let (acceptor, router) = (acceptor.clone(), router.clone());
        parts.spawn(async move {
            http::tls::serve(listener, acceptor, router).await;
            Ok(())
        });
    }
    Ok(())
}

pub async fn http(
    app: &App,
    live: &Arc<Live>,
    network: &Network,
    parts: &mut JoinSet<Result<()>>,
) -> Result<()> {
    let listener = bound(Port::tcp("HTTP boot", network.address.address, app.site.server.http_port)).await?;
    let router = http::plain(app.clone()).layer(from_fn_with_state(live.clone(), live::count));
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    parts.spawn(async move { axum::serve(listener, router).await.context("the boot server stopped") });
    Ok(())
}

pub fn dhcp(
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
        loader: match row.as_ref().filter(|_| caller.firmware.fetches_a_loader()) {
            Some(row) => app.store.loader(&row.id()).await?.and_then(|loader| loader.file),
            None => None,
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

pub async fn tftp(
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

async fn bound(port: Port) -> Result<TcpListener> {
    TcpListener::bind(port.address).await.map_err(|error| port.refused(&error))
}
