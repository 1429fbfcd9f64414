//! Magic packets on a real wire: a veth pair in a network namespace of its own, heard as a sleeping card hears them,
//! frame by frame. Needs root, as every test with a wire does.

mod namespace;

use std::io::Read;
use std::net::Ipv4Addr;
use std::time::Duration;

use api::bmc::{Power, PowerAction};
use api::id::Mac;
use server::bmc::Driver;
use server::bmc::wake::{Via, Wake, magic};
use socket2::{Domain, Protocol, Socket, Type};

use namespace::{in_a_namespace, run};

const MAC: Mac = Mac([0x52, 0x54, 0, 0x77, 0, 1]);

#[test]
fn a_magic_packet_is_a_broadcast_on_the_machine_s_own_network() {
    let frames = in_a_namespace(|| {
        run("ip link add rack type veth peer name card");
        run("ip link add other type veth peer name deaf");
        run("ip addr add 10.77.0.1/24 dev rack");
        run("ip addr add 10.78.0.1/24 dev other");
        for name in ["rack", "card", "other", "deaf"] {
            run(&format!("ip link set {name} up"));
        }
        let card = bridge_port("card");
        let deaf = bridge_port("deaf");
        wake(Via::Interface("rack".into()));
        let heard = frames(card);
        wake(Via::Broadcast(Ipv4Addr::new(10, 77, 0, 255)));
        assert!(frames(deaf).is_empty(), "another network");
        heard
    });
    assert_eq!(frames.len(), 3);
    for frame in frames {
        assert_eq!(&frame[..6], [0xff; 6], "to everybody: a sleeping card has no address");
        let packet = magic(MAC, None);
        assert!(frame.windows(packet.len()).any(|window| window == packet));
    }
}

fn wake(via: Via) {
    let machine = Wake { macs: vec![MAC], via, secure_on: None, agent: None, seen: Power::Unknown };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(machine.act(PowerAction::On)).unwrap();
}

/// Hears all frames of one interface, those that are for nobody there too.
fn bridge_port(interface: &str) -> Socket {
    const ALL: i32 = 0x0003_u16.to_be() as i32;
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(ALL))).unwrap();
    let index = rustix::net::netdevice::name_to_index(&socket, interface).unwrap();
    let mut address = [0u8; 20];
    address[0..2].copy_from_slice(&17u16.to_ne_bytes());
    address[2..4].copy_from_slice(&0x0003u16.to_be_bytes());
    address[4..8].copy_from_slice(&index.to_ne_bytes());
    // SAFETY: the storage is larger than `sockaddr_ll`, of which every byte is written, and the length says so.
    let (_, address) = unsafe {
        socket2::SockAddr::try_init(|storage, length| {
            storage.cast::<[u8; 20]>().write(address);
            *length = 20;
            Ok(())
        })
    }
    .unwrap();
    socket.bind(&address).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    socket
}

/// The magic packets that came; IPv6 talks on every wire.
fn frames(mut socket: Socket) -> Vec<Vec<u8>> {
    let (mut frames, mut buffer) = (Vec::new(), [0; 2000]);
    while let Ok(length) = socket.read(&mut buffer) {
        let frame = &buffer[..length];
        if frame.windows(6).filter(|window| *window == [0xff; 6]).count() > 1 {
            frames.push(frame.to_vec());
        }
    }
    frames
}
