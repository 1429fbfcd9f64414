//! The TFTP server over real sockets on the loopback: what the simulation of the transfer cannot show.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use server::dhcp::sighting::{Sighting, Sightings};
use server::store::Store;
use server::store::lease::{Addresses, Wish};
use server::tftp::serve::{Tftp, serve};
use server::tftp::transfer::Limits;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::timeout;

const WAIT: Duration = Duration::from_secs(5);

struct Served {
    port: u16,
    hops: mpsc::Receiver<Sighting>,
    store: Store,
    _folder: tempfile::TempDir,
}

/// Bound to every address, so that replies show which one was asked.
async fn served() -> Served {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&format!("sqlite://{}/db", folder.path().display())).await.unwrap();
    let (sightings, hops) = Sightings::channel(16);
    let socket = UdpSocket::bind("0.0.0.0:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    let tftp = Tftp {
        files: Arc::new(|name, _| (name == "boot/snponly.efi").then(content)),
        store: store.clone(),
        sightings,
        limits: Limits { mtu: 1500, window: 64 },
        counters: Arc::default(),
    };
    tokio::spawn(serve(socket, Arc::new(tftp)));
    Served { port, hops, store, _folder: folder }
}

fn content() -> Bytes {
    (0..60_000u32).map(|n| (n ^ (n >> 8)) as u8).collect()
}

struct Client {
    socket: UdpSocket,
    buffer: Vec<u8>,
}

impl Client {
    async fn new() -> Client {
        Client { socket: UdpSocket::bind("127.0.0.1:0").await.unwrap(), buffer: vec![0; 2000] }
    }

    async fn ask(&self, server: impl Into<SocketAddr>, request: &[u8]) {
        self.socket.send_to(request, server.into()).await.unwrap();
    }

    async fn heard(&mut self) -> (Vec<u8>, SocketAddr) {
        let heard = timeout(WAIT, self.socket.recv_from(&mut self.buffer)).await;
        let (length, from) = heard.expect("the server says something").unwrap();
        (self.buffer[..length].to_vec(), from)
    }

    async fn quiet_for(&mut self, time: Duration) -> bool {
        timeout(time, self.socket.recv_from(&mut self.buffer)).await.is_err()
    }

    /// Asks again until someone answers, as firmware does.
    async fn insist(
        &mut self,
        server: impl Into<SocketAddr> + Copy,
        request: &[u8],
    ) -> (Vec<u8>, SocketAddr) {
        for _ in 0..20 {
            self.ask(server, request).await;
            if let Ok(heard) = timeout(Duration::from_secs(1), self.socket.recv_from(&mut self.buffer)).await
            {
                let (length, from) = heard.unwrap();
                return (self.buffer[..length].to_vec(), from);
            }
        }
        panic!("no answer to twenty requests");
    }

    /// Reads on after the OACK, acknowledging every `window` blocks, and again when nothing comes.
    async fn read(&mut self, server: SocketAddr, block_size: usize, window: u16) -> Vec<u8> {
        let mut received = Vec::new();
        let mut block = 0u16;
        let (mut packet, _) = self.insist(server, &[0, 4, 0, 0]).await;
        loop {
            if packet[1] != 3 || packet[2..4] != block.wrapping_add(1).to_be_bytes() {
                (packet, _) = self.insist(server, &[&[0, 4], &block.to_be_bytes()[..]].concat()).await;
                continue;
            }
            block = block.wrapping_add(1);
            received.extend_from_slice(&packet[4..]);
            let ack = [&[0, 4], &block.to_be_bytes()[..]].concat();
            if packet.len() - 4 < block_size {
                self.ask(server, &ack).await;
                return received;
            }
            (packet, _) = match block.is_multiple_of(window) {
                true => self.insist(server, &ack).await,
                false => self.heard().await,
            };
        }
    }
}

const OVMF: &[u8] = b"\0\x01/boot//snponly.efi\0octet\0tsize\x000\0blksize\x001468\0windowsize\x004\0";

#[tokio::test]
async fn a_size_probe_and_a_download_from_the_address_that_was_asked() {
    let mut served = served().await;
    give_lease(&served.store).await;
    let mut client = Client::new().await;
    let asked: SocketAddr = ([127, 0, 0, 9], served.port).into();
    client.ask(asked, OVMF).await;
    let (oack, from) = client.heard().await;
    assert_eq!(oack, b"\0\x06blksize\x001468\0tsize\x0060000\0windowsize\x004\0");
    assert_eq!(from.ip(), asked.ip(), "a client takes the reply from no other address");
    client.ask(from, b"\0\x05\0\x08User aborted the transfer\0").await;
    assert!(client.quiet_for(Duration::from_millis(1500)).await, "a probe is over when it says so");

    client.ask(asked, OVMF).await;
    let (_, from) = client.heard().await;
    assert_eq!(client.read(from, 1468, 4).await, content());
    let hops = [served.hops.recv().await.unwrap(), served.hops.recv().await.unwrap()];
    let named = hops.map(|sighting| (sighting.mac.to_string(), sighting.hop.name.as_str()));
    let mac = "52:54:00:77:00:01".to_string();
    assert_eq!(named, [(mac.clone(), "tftp_first"), (mac, "tftp_last")]);
}

#[tokio::test]
async fn a_request_repeated_from_its_port_is_answered_from_the_same_socket() {
    let served = served().await;
    let mut client = Client::new().await;
    client.ask(([127, 0, 0, 1], served.port), OVMF).await;
    let (first, from) = client.heard().await;
    client.ask(([127, 0, 0, 1], served.port), OVMF).await;
    assert_eq!(client.heard().await, (first, from), "it may hold on to either answer");
    assert_eq!(client.read(from, 1468, 4).await, content());
}

#[tokio::test]
async fn a_request_from_another_port_ends_the_one_that_never_began() {
    let served = served().await;
    let (mut old, mut new) = (Client::new().await, Client::new().await);
    old.ask(([127, 0, 0, 1], served.port), OVMF).await;
    old.heard().await;
    new.ask(([127, 0, 0, 1], served.port), OVMF).await;
    let (_, from) = new.heard().await;
    assert_eq!(new.read(from, 1468, 4).await, content());
    assert!(old.quiet_for(Duration::from_millis(1500)).await, "no OACK goes to the old port");
}

#[tokio::test]
async fn what_is_refused() {
    let served = served().await;
    let mut client = Client::new().await;
    let refusals: [(&[u8], u8); 4] = [
        (b"\0\x01grubx64.efi\0octet\0", 1),
        (b"\0\x01../../etc/passwd\0octet\0", 1),
        (b"\0\x02boot/snponly.efi\0octet\0", 2),
        (b"\0\x01boot/snponly.efi\0netascii\0", 4),
    ];
    for (request, code) in refusals {
        client.ask(([127, 0, 0, 1], served.port), request).await;
        assert_eq!(client.heard().await.0[..4], [0, 5, 0, code]);
    }
    client.ask(([127, 0, 0, 1], served.port), b"\0\x09nonsense").await;
    assert!(client.quiet_for(Duration::from_millis(300)).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_transfers_need_no_thousand_threads() {
    allow_many_sockets();
    let served = served().await;
    let mut clients = tokio::task::JoinSet::new();
    for n in 0..1000u32 {
        let port = served.port;
        clients.spawn(async move {
            // As many machines: a client may hold a few transfers only.
            let own = [127, 0, 1 + (n / 200) as u8, 1 + (n % 200) as u8];
            let socket = UdpSocket::bind((std::net::Ipv4Addr::from(own), 0)).await.unwrap();
            let mut client = Client { socket, buffer: vec![0; 2000] };
            let (_, from) = client.insist(([127, 0, 0, 1], port), OVMF).await;
            client.read(from, 1468, 4).await.len()
        });
    }
    let mut most_threads = 0;
    while let Some(length) = clients.join_next().await {
        assert_eq!(length.unwrap(), 60_000);
        most_threads = most_threads.max(threads());
    }
    assert!(most_threads < 40, "{most_threads} threads");
}

async fn give_lease(store: &Store) {
    let loopback = std::net::Ipv4Addr::LOCALHOST;
    let addresses = Addresses {
        network: "lo".into(),
        pools: vec![(loopback, loopback)],
        reserved: vec![],
        excluded: vec![],
    };
    store.lease_site(vec![addresses]).await.unwrap();
    let mac = "52:54:00:77:00:01".parse().unwrap();
    let wish = Wish { mac, network: "lo".into(), reserved: None, remembered: None, now: 1 };
    assert!(store.lease_offer(wish).await.unwrap().is_some());
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

fn allow_many_sockets() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}
