//! The DHCP server on a real wire: a veth pair in a network namespace of its own, and busybox's udhcpc, which
//! takes frames only as an Ethernet card would. Needs root, as every test with a wire does.

mod namespace;

use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use server::dhcp::answer::Subnet;
use server::dhcp::link::Link;
use server::dhcp::serve::{Dhcp, Known, Place, serve};
use server::dhcp::sighting::Sightings;
use server::store::Store;
use server::store::lease::{Addresses, LeaseState};
use tokio::runtime::Runtime;

use namespace::{in_a_namespace, run};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

#[test]
fn a_client_keeps_its_address_under_another_client_id() {
    in_a_namespace(|| {
        let folder = tempfile::tempdir().unwrap();
        let (runtime, dhcp) = server_beyond_a_cable(format!("sqlite://{}/db", folder.path().display()));
        run("ip link set cli0 up address 52:54:00:77:00:01");
        send_noise();

        let firmware = udhcpc(&[]);
        assert!(
            firmware.contains("lease of 10.77.0.100 obtained from 10.77.0.1, lease time 120"),
            "{firmware}"
        );
        let lease = runtime.block_on(dhcp.store.lease_by_ip(Ipv4Addr::new(10, 77, 0, 100)));
        assert_eq!(lease.unwrap().unwrap().state, LeaseState::Leased, "before the client has it");

        // An installed OS comes with a DUID, and asks for broadcast replies.
        let os = udhcpc(&["-B", "-x", "0x3d:ffb55e67ff00020000ab11f7113fec791b"]);
        assert!(os.contains("lease of 10.77.0.100 obtained"), "{os}");
        let wrong = udhcpc(&["-r", "10.77.0.150"]);
        assert!(wrong.contains("lease of 10.77.0.100 obtained"), "{wrong}");
        assert_eq!(dhcp.counters.malformed.load(Relaxed), 1, "the noise");
        assert_eq!(dhcp.counters.failed.load(Relaxed), 0);
    });
}

/// The server in a namespace of its own, behind `cli0` in this one. The runtime's threads keep it there.
fn server_beyond_a_cable(database: String) -> (Runtime, Arc<Dhcp>) {
    let here = rustix::thread::gettid().as_raw_nonzero();
    in_a_namespace(move || {
        run(&format!("ip link add srv0 type veth peer name cli0 netns {here}"));
        run("ip addr add 10.77.0.1/24 dev srv0");
        run("ip link set srv0 up");
        let runtime = Runtime::new().unwrap();
        let store = runtime.block_on(Store::open(&database)).unwrap();
        let dhcp = runtime.block_on(start(store));
        (runtime, dhcp)
    })
}

async fn start(store: Store) -> Arc<Dhcp> {
    let pool = (Ipv4Addr::new(10, 77, 0, 100), Ipv4Addr::new(10, 77, 0, 199));
    let addresses =
        Addresses { network: "rack".into(), pools: vec![pool], reserved: vec![], excluded: vec![SERVER] };
    store.lease_site(vec![addresses]).await.unwrap();
    let dhcp = Arc::new(Dhcp {
        store,
        who: Arc::new(|_| Box::pin(async { Ok(Known { netboots: true, ..Known::default() }) })),
        sightings: Sightings::channel(64).0,
        counters: Default::default(),
    });
    let subnet = Subnet {
        server: SERVER,
        prefix: 24,
        router: None,
        dns: vec![],
        ntp: vec![],
        domain: None,
        lease_s: 120,
        http: "http://10.77.0.1".into(),
        bios_loader: "undionly.kpxe".into(),
        uefi_loader: "snponly.efi".into(),
        uefi_loader_path: "/snponly.efi".into(),
    };
    let place = Place { network: "rack".into(), interface: "srv0".into(), subnet };
    let link = Link::open(&place.interface, SERVER).unwrap();
    tokio::spawn(serve(link, place, dhcp.clone()));
    dhcp
}

/// What udhcpc says.
fn udhcpc(more: &[&str]) -> String {
    let usual = ["udhcpc", "-i", "cli0", "-n", "-q", "-f", "-t", "5", "-T", "2", "-s", "/bin/true"];
    let output = Command::new("busybox").args(usual).args(more).output().unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A datagram to the server's port that is no DHCP.
fn send_noise() {
    run("ip addr add 10.77.0.9/24 dev cli0");
    let socket = std::net::UdpSocket::bind("10.77.0.9:0").unwrap();
    socket.set_broadcast(true).unwrap();
    socket.send_to(b"no DHCP at all", "10.77.0.255:67").unwrap();
    run("ip addr del 10.77.0.9/24 dev cli0");
}
