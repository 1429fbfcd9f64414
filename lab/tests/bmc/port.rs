//! Addresses and sockets of BMCs.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use lab::bmc::User;
use lab::netns::Netns;
use lab::{Hardware, Rack};

use super::{rack, user};

/// Runs where the server does.
fn beside_the_server<T: Send + 'static>(rack: &Rack, run: impl FnOnce() -> T + Send + 'static) -> T {
    let server: Netns = rack.server.clone();
    let inside = thread::spawn(move || {
        server.enter().unwrap();
        run()
    });
    inside.join().unwrap()
}

#[test]
fn the_server_reaches_each_bmc_at_its_address() {
    let mut rack = rack("labtest-bmcport");
    let first = rack.add(Hardware::bios("node01", 1)).unwrap();
    let second = rack.add(Hardware::uefi("node02", 2)).unwrap();
    let one = rack.manage(&first, "10.77.0.201/24", user()).unwrap();
    let two = rack.manage(&second, "10.77.0.202/24", user()).unwrap();
    assert_eq!(two.board.identity().name, "node02");
    // The first address of an interface goes, and the second stays.
    drop(one);

    let redfish = two.tcp(443).unwrap();
    let answer = thread::spawn(move || redfish.accept().unwrap().0.write_all(b"hello"));
    let heard = beside_the_server(&rack, || {
        let mut heard = String::new();
        TcpStream::connect("10.77.0.202:443").unwrap().read_to_string(&mut heard).unwrap();
        heard
    });
    answer.join().unwrap().unwrap();
    assert_eq!(heard, "hello");

    let ipmi = two.udp(623).unwrap();
    let answer = thread::spawn(move || {
        let mut bytes = [0; 16];
        let (length, from) = ipmi.recv_from(&mut bytes).unwrap();
        ipmi.send_to(&bytes[..length], from).unwrap();
        from
    });
    let heard = beside_the_server(&rack, || {
        let socket = UdpSocket::bind("10.77.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        socket.send_to(b"ping", "10.77.0.202:623").unwrap();
        let mut bytes = [0; 16];
        let (length, from) = socket.recv_from(&mut bytes).unwrap();
        (bytes[..length].to_vec(), from.to_string())
    });
    assert_eq!(heard, (b"ping".to_vec(), "10.77.0.202:623".to_owned()));
    assert_eq!(answer.join().unwrap().ip().to_string(), "10.77.0.1");
}

#[test]
fn an_address_is_given_once_and_is_free_again() {
    let mut rack = rack("labtest-bmcaddr");
    let machine = rack.add(Hardware::bios("node01", 1)).unwrap();
    let one = rack.manage(&machine, "10.77.0.201/24", user()).unwrap();
    let again = rack.manage(&machine, "10.77.0.201/24", user()).err().unwrap();
    assert!(format!("{again:#}").contains("give 10.77.0.201 to the BMC of node01"), "{again:#}");
    let listener = one.tcp(443).unwrap();
    assert!(one.tcp(443).is_err(), "two listen on one port");
    drop((one, listener));
    rack.manage(&machine, "10.77.0.201/24", user()).unwrap().tcp(443).unwrap();
    let unclear = rack.manage(&machine, "node01-bmc", user()).err().unwrap();
    assert!(format!("{unclear:#}").contains("10.77.0.201/24"), "{unclear:#}");
}

#[test]
fn a_users_password_is_not_printed() {
    let user = User { name: "admin".to_owned(), password: "calvin".to_owned() };
    assert!(!format!("{user:?}").contains("calvin"));
}
