//! Firmware from an operator's word to the BMC's version, with the server's own line, store and driver.

use std::time::Duration;

use api::bmc::PowerAction;
use api::bmc::update::{FirmwareUpdate, UpdateState};
use api::id::MachineId;
use api::power::PowerOrder;
use lab::bmc::redfish::Vendor;
use server::bmc::lane::{Answer, Asker, Request};
use server::bmc::update::begin;
use server::http::operator::power::carry_out;

use crate::memory::{Bmc, PASSWORD};
use crate::server::{At, Server};

async fn rack(bmc: &Bmc) -> (Server, MachineId) {
    let server = Server::new().await;
    let at = At { driver: "redfish", address: bmc.address, user: "admin", password: PASSWORD };
    let id = server.machine(1, at).await;
    (server, id)
}

async fn written(server: &Server, id: &MachineId, file: &str, look: Duration) -> FirmwareUpdate {
    let (app, address) = (&server.app, format!("http://10.0.0.1/{file}"));
    let row = app.store.bmc(id).await.unwrap().unwrap();
    begin(app, &app.bmcs, &row, (address.as_str().into(), address.clone()), ("ops".into(), look))
        .await
        .unwrap()
}

/// Its end is told in the machine's history, which is news.
async fn to_its_end(server: &Server, id: &MachineId, file: &str) -> FirmwareUpdate {
    let mut changes = server.app.store.changes();
    let begun = written(server, id, file, Duration::from_millis(1)).await;
    assert_eq!(begun.state, UpdateState::Running, "{begun:?}");
    loop {
        let update = server.app.bmcs.lane(&id.0).update().unwrap();
        if update.state != UpdateState::Running {
            return update;
        }
        changes.recv().await.unwrap();
    }
}

#[tokio::test]
async fn firmware_is_written_in_the_line_of_its_bmc() {
    let bmc = Bmc::of(Vendor::Dell);
    let (server, id) = rack(&bmc).await;
    let done = to_its_end(&server, &id, "bmc-2.17.bin").await;
    assert_eq!((done.state, done.percent), (UpdateState::Done, Some(100)), "{done:?}");
    let row = server.app.store.bmc(&id).await.unwrap().unwrap();
    let asked = server.app.bmcs.ask(&server.app, &row, Request::Hardware, Asker::Person).await.unwrap();
    let Answer::Hardware(hardware) = asked else { panic!("{asked:?}") };
    assert_eq!(hardware.bmc.version, "2.17");
    let failed = to_its_end(&server, &id, "notes.txt").await;
    assert_eq!(failed.state, UpdateState::Failed, "{failed:?}");
    assert!(failed.says.contains("notes.txt"), "{failed:?}");
    let history = server.app.store.history(&id, 20).await.unwrap();
    let said: Vec<&str> = history.iter().filter(|e| e.event == "firmware").map(|e| e.note.as_str()).collect();
    assert!(said.contains(&"http://10.0.0.1/bmc-2.17.bin: done"), "{said:?}");
}

#[tokio::test]
async fn power_is_not_taken_from_what_writes_firmware() {
    let bmc = Bmc::of(Vendor::Supermicro);
    let (server, id) = rack(&bmc).await;
    bmc.board.look(|inside| inside.power = lab::bmc::board::Power::On);
    written(&server, &id, "bmc-2.17.bin", Duration::from_secs(3600)).await;
    let order = |force| PowerOrder { action: PowerAction::Off, in_order: false, force };
    let refused = carry_out(&server.app, "ops", "node0001", order(false)).await.unwrap_err().describe().1;
    assert!(
        refused.contains("the BMC of node0001 writes firmware: http://10.0.0.1/bmc-2.17.bin"),
        "{refused}"
    );
    assert!(bmc.board.look(|inside| inside.acts.is_empty()));
    carry_out(&server.app, "ops", "node0001", order(true))
        .await
        .unwrap_or_else(|f| panic!("{}", f.describe().1));
    assert_eq!(bmc.board.look(|inside| inside.acts.clone()), [lab::bmc::board::Action::Off]);
}
