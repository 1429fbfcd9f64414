//! A BMC that says "on" while its machine is off: nothing that it says gives it away, so the server finds out by what
//! does not appear on the wire, tries once more, and says so.

use std::net::SocketAddr;

use api::bmc::{Power, PowerAction};
use api::id::MachineId;
use api::power::Trouble;
use lab::bmc::board::{self, Action};
use lab::bmc::fault::{Fault, Faults};
use lab::bmc::ipmi::Settings;
use lab::bmc::redfish::Vendor;
use server::bmc::drive;
use server::bmc::gap::Doing;
use server::bmc::lane::Asker;

use crate::server::{At, Server};
use crate::{ipmi, memory};

const SECOND: i64 = 1_000_000;

/// What a poll does, each time with the time that it waits for put into the past. Comes to what was asked of the BMC.
async fn polled(server: &Server, id: &MachineId) -> Vec<PowerAction> {
    let (app, mut asked) = (&server.app, Vec::new());
    for _ in 0..6 {
        let row = app.store.bmc(id).await.unwrap().unwrap();
        app.bmcs.read(app, &row, Asker::Server).await.unwrap();
        drive::pass(app, &app.bmcs, id).await.unwrap();
        let doing = app.store.power(id).await.unwrap().unwrap().doing().unwrap();
        asked.extend(doing.action);
        // Longer than a model of which nothing is known is waited for, or than an action takes that is under way.
        let back = |at: i64| at - if doing.action.is_none() { 700 } else { 11 } * SECOND;
        let on_at = if doing.action.is_none() { doing.on_at.map(back) } else { doing.on_at };
        let earlier = Doing { acted_at: back(doing.acted_at), on_at, ..doing };
        app.store.power_doing(id, earlier).await.unwrap();
    }
    asked
}

/// Nobody is told a lie: what is on the machine's page, and what `machine why` says.
async fn assert_explained(server: &Server, id: &MachineId) {
    let view = server.app.view(id).await.unwrap();
    let power = view.power.as_ref().unwrap();
    assert_eq!((power.power, power.trouble), (Power::On, Trouble::NotOnTheWire), "its BMC's word, and ours");
    let why = server::why::why(&view, None, server::clock::now());
    assert_eq!(why.entry, "not-on-the-wire");
    let wait = view.wait.unwrap();
    assert!(wait.evidence.contains("did not appear on the wire within 10 min"), "{}", wait.evidence);
}

async fn tried(
    driver: &str,
    (address, faults): (SocketAddr, &Faults),
    (user, password): (&str, &str),
) -> (Server, MachineId) {
    faults.set([Fault::Lying]);
    let server = Server::new().await;
    let id = server.machine(1, At { driver, address, user, password }).await;
    assert_eq!(polled(&server, &id).await, [PowerAction::On, PowerAction::Cycle], "once");
    assert_explained(&server, &id).await;
    (server, id)
}

#[tokio::test]
async fn one_that_lies_in_ipmi_is_found_out_by_the_wire() {
    let bench = ipmi::Bench::new(Settings::default());
    let login = (ipmi::USER, ipmi::PASSWORD);
    let (server, id) = tried("ipmi", (bench.address(), &bench.faults), login).await;
    assert_eq!(bench.board.actions(), [], "the board was told of nothing");
    // As soon as it does what it says, its machine is on the way.
    bench.faults.set([]);
    polled(&server, &id).await;
    assert_eq!(bench.board.actions().first(), Some(&Action::On));
}

#[tokio::test]
async fn one_that_lies_in_redfish_is_found_out_by_the_wire() {
    let bmc = memory::Bmc::of(Vendor::Plain);
    let login = ("admin", memory::PASSWORD);
    let (server, id) = tried("redfish", (bmc.address, &bmc.faults), login).await;
    assert_eq!(bmc.board.look(|inside| (inside.acts.len(), inside.power)), (0, board::Power::Off));
    // A packet of the machine is believed, whatever its BMC said before.
    server.app.store.machine_seen(&id, "discover".into(), server::clock::now()).await.unwrap();
    polled(&server, &id).await;
    let power = server.app.view(&id).await.unwrap().power.unwrap();
    assert_eq!(power.trouble, Trouble::None);
}
