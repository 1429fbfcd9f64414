//! The DHCP server of one interface: hears a packet, understands it, asks the store who it is, decides,
//! makes the promise durable, answers. Each packet runs in a task of its own, so that no client waits for
//! another's commit.

use std::collections::BTreeSet;
use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use api::id::Mac;
use api::trace::HopName;
use futures::future::BoxFuture;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::answer::{Answer, Client, Subnet, answer, foreign, not_yours};
use super::decode::decode;
use super::encode::encode;
use super::firmware::{Firmware, firmware};
use super::link::Link;
use super::packet::{Ask, Reply, Request, Say};
use super::sighting::Sightings;
use crate::clock;
use crate::store::{self, Store, lease::Wish};

/// Packets that may wait for the store at once. More are dropped: their clients ask again, and by
/// then the store has caught up.
const AT_ONCE: usize = 1024;
/// An address stays its holder's a little longer than it was told: clocks differ.
const GRACE_S: u32 = 60;
/// Anyone can name any server: so many are remembered, no more.
const RIVALS: usize = 16;
const SECOND: i64 = 1_000_000;

/// What all interfaces share.
pub struct Dhcp {
    pub store: Store,
    pub who: WhoIsIt,
    pub sightings: Sightings,
    pub counters: Arc<Counters>,
}

/// "Who is it?", answered from the machines and the site's policy for unknown clients.
pub type WhoIsIt = Arc<dyn Fn(Caller) -> BoxFuture<'static, store::Result<Known>> + Send + Sync>;

#[derive(Debug, Clone)]
pub struct Caller {
    pub mac: Mac,
    pub firmware: Firmware,
    pub uuid: Option<Uuid>,
    /// The name of the network that the request came in on.
    pub network: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The site's policy is not to answer this client at all.
    pub ignored: bool,
    /// Whether it is told what to boot.
    pub netboots: bool,
    pub reserved: Option<Ipv4Addr>,
    pub hostname: Option<String>,
    /// A loader for this machine alone.
    pub loader: Option<String>,
}

#[derive(Debug, Default)]
pub struct Counters {
    pub received: AtomicU64,
    pub malformed: AtomicU64,
    pub overloaded: AtomicU64,
    pub failed: AtomicU64,
    pub answered: AtomicU64,
    /// Other DHCP servers whose offers clients here took.
    pub rivals: Mutex<BTreeSet<Ipv4Addr>>,
}

/// Where one DHCP server listens.
#[derive(Debug, Clone)]
pub struct Place {
    pub network: String,
    pub interface: String,
    pub subnet: Subnet,
}

/// Serves until the interface's socket fails.
pub async fn serve(link: Link, place: Place, dhcp: Arc<Dhcp>) -> io::Result<()> {
    let link = Arc::new(link);
    let place = Arc::new(place);
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    tracing::info!(interface = %place.interface, server = %place.subnet.server, "DHCP answers");
    let mut buffer = [0; 1500];
    loop {
        let length = match link.receive(&mut buffer).await {
            Ok(length) => length,
            // An ICMP error for an earlier reply is reported here, and says nothing about us.
            Err(error) if transient(&error) => continue,
            Err(error) => return Err(error),
        };
        dhcp.counters.received.fetch_add(1, Relaxed);
        let Ok(slot) = slots.clone().try_acquire_owned() else {
            dhcp.counters.overloaded.fetch_add(1, Relaxed);
            continue;
        };
        let (packet, link, place, dhcp) =
            (buffer[..length].to_vec(), link.clone(), place.clone(), dhcp.clone());
        tokio::spawn(async move {
            handle(&packet, &link, &place, &dhcp).await;
            drop(slot);
        });
    }
}

async fn handle(packet: &[u8], link: &Link, place: &Place, dhcp: &Dhcp) {
    let request = match decode(packet) {
        Ok(request) => request,
        Err(malformed) => {
            dhcp.counters.malformed.fetch_add(1, Relaxed);
            tracing::debug!(interface = %place.interface, %malformed, "not a DHCP request");
            return;
        }
    };
    if let Some(why) = foreign(&request, &place.subnet) {
        note_rival(&request, place, dhcp);
        tracing::debug!(mac = %request.mac, ask = %request.ask, why, "no answer");
        return;
    }
    if let Err(error) = exchange(&request, link, place, dhcp).await {
        dhcp.counters.failed.fetch_add(1, Relaxed);
        tracing::warn!(mac = %request.mac, ask = %request.ask, %error, "a DHCP client got no answer");
    }
}

/// Two authoritative servers on one network make boots a matter of luck, so the first sign of another
/// is said aloud, once a server.
fn note_rival(request: &Request, place: &Place, dhcp: &Dhcp) {
    let Some(server) = request.server.filter(|server| *server != place.subnet.server) else {
        return;
    };
    let mut rivals = dhcp.counters.rivals.lock().unwrap_or_else(PoisonError::into_inner);
    if rivals.len() < RIVALS && rivals.insert(server) {
        let (interface, mac) = (&place.interface, request.mac);
        tracing::warn!(%interface, %server, %mac, "another DHCP server answers on this network, and a client took its offer");
    }
}

async fn exchange(request: &Request, link: &Link, place: &Place, dhcp: &Dhcp) -> anyhow::Result<()> {
    let asks = firmware(request);
    let Some(client) = who_is_it(request, asks, place, dhcp).await? else {
        return Ok(());
    };
    // After it is known who asks: a machine that is seen for the first time has its row by now.
    if request.ask == Ask::Discover {
        tell(dhcp, request, asks, HopName::Discover, asks.to_string());
    }
    let reply = match answer(request, &client, &place.subnet) {
        Answer::Silence(why) => {
            tracing::debug!(mac = %request.mac, ask = %request.ask, why, "no answer");
            return Ok(());
        }
        Answer::Send(reply) => reply,
        Answer::Lease(reply) => promise(reply, request, &place.subnet, dhcp).await?,
        Answer::Release(address) => {
            return Ok(dhcp.store.lease_release(request.mac, address, clock::now()).await?);
        }
        Answer::Decline(address) => {
            tracing::warn!(mac = %request.mac, %address, "declined: someone else answers on this address");
            return Ok(dhcp.store.lease_decline(request.mac, address, clock::now()).await?);
        }
    };
    link.send(reply.destination, &encode(&reply)?).await?;
    dhcp.counters.answered.fetch_add(1, Relaxed);
    report(dhcp, request, asks, &reply);
    Ok(())
}

/// None: the site's policy is silence.
async fn who_is_it(
    request: &Request,
    asks: Firmware,
    place: &Place,
    dhcp: &Dhcp,
) -> store::Result<Option<Client>> {
    let (mac, network) = (request.mac, place.network.clone());
    let caller = Caller { mac, firmware: asks, uuid: request.uuid, network: network.clone() };
    let known = (dhcp.who)(caller).await?;
    if known.ignored {
        return Ok(None);
    }
    let address = match request.ask {
        Ask::Discover | Ask::Request => {
            let remembered = request.requested.or(request.client_addr);
            let wish = Wish { mac, network, reserved: known.reserved, remembered, now: clock::now() };
            dhcp.store.lease_offer(wish).await?.map(|lease| lease.address)
        }
        Ask::Inform | Ask::Release | Ask::Decline => None,
    };
    if address.is_none() && request.ask == Ask::Discover {
        tracing::warn!(%mac, network = %place.network, "no free address in the pool");
    }
    let Known { netboots, hostname, loader, .. } = known;
    Ok(Some(Client { address, netboots, hostname, loader }))
}

/// The lease first, then the ACK; a NAK when the address went to another in between.
async fn promise(reply: Reply, request: &Request, subnet: &Subnet, dhcp: &Dhcp) -> store::Result<Reply> {
    let Some(address) = reply.your_addr else {
        return Ok(reply);
    };
    let now = clock::now();
    let until = now + i64::from(subnet.lease_s + GRACE_S) * SECOND;
    match dhcp.store.lease_commit(request.mac, address, until, now).await? {
        true => Ok(reply),
        false => Ok(not_yours(request, subnet)),
    }
}

fn report(dhcp: &Dhcp, request: &Request, asks: Firmware, reply: &Reply) {
    let address = reply.your_addr.map(|address| address.to_string()).unwrap_or_default();
    let file = reply.boot.as_ref().map_or("nothing to boot", |boot| boot.file.as_str());
    tracing::debug!(mac = %reply.mac, %asks, say = %reply.say, to = %reply.destination, address, file, "answered");
    let hop = match reply.say {
        Say::Offer => HopName::Offer,
        Say::Ack => HopName::Ack,
        Say::Nak => {
            tracing::info!(mac = %reply.mac, %asks, why = reply.message, "refused an address");
            return;
        }
    };
    tell(dhcp, request, asks, hop, format!("{asks}: {address}, {file}"));
}

/// Hops belong to a boot. Who has an address already renews it, every half hour, for years.
fn tell(dhcp: &Dhcp, request: &Request, asks: Firmware, name: HopName, detail: String) {
    if request.client_addr.is_none() {
        dhcp.sightings.tell(request.mac, asks.netboots(), name, clock::now(), detail);
    }
}

fn transient(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, Interrupted, NetworkDown, NetworkUnreachable};
    matches!(
        error.kind(),
        ConnectionRefused | HostUnreachable | Interrupted | NetworkDown | NetworkUnreachable
    )
}
