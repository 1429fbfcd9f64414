//! BMCs, what was read of them, and what was begun, on both databases.

use std::time::Duration;

use api::bmc::{Power, PowerAction};
use api::event::Event;
use api::id::MachineId;
use api::power::{FoundBmc, Health, Trouble};
use api::task::{Outcome, Task, Work};
use server::bmc::gap::Doing;
use server::bmc::usual::Usual;
use server::bmc::wake::ByAgent;
use server::bmc::wake::goodbye::Asked;
use server::store::NewTask;
use server::store::bmc::BmcRow;
use server::store::power::Reading;

use crate::database::{Database, mac, woken};

fn bmc(machine: &MachineId, address: &str) -> BmcRow {
    BmcRow {
        machine: machine.0.clone(),
        driver: "redfish".into(),
        address: address.into(),
        port: Some(8443),
        credentials: None,
        username: "root".into(),
        password: Some("sealed".into()),
        certificate: None,
        origin: "operator".into(),
        bmc_key: Some("sealed, too".into()),
        secure_on: Some("and this".into()),
    }
}

fn reading(power: Option<Power>, health: Health) -> Reading {
    Reading { power, health, sentence: format!("it is {health}"), todo: String::new() }
}

pub async fn a_bmc_is_kept_and_forgotten_with_its_machine(database: Database) {
    let store = &database.store;
    let rack = database.rack(3).await;
    for (i, machine) in rack.iter().enumerate() {
        store.bmc_put(bmc(machine, &format!("10.0.0.{i}"))).await.unwrap();
    }
    store.bmc_put(bmc(&rack[0], "10.0.0.9")).await.unwrap();
    assert_eq!(store.bmc(&rack[0]).await.unwrap(), Some(bmc(&rack[0], "10.0.0.9")));
    let addresses = |rows: Vec<BmcRow>| rows.into_iter().map(|row| row.address).collect::<Vec<_>>();
    assert_eq!(addresses(store.bmcs("", 2).await.unwrap()), ["10.0.0.9", "10.0.0.1"]);
    assert_eq!(addresses(store.bmcs("m2", 2).await.unwrap()), ["10.0.0.2"]);
    assert_eq!(addresses(store.bmcs_between("m2", "m3").await.unwrap()), ["10.0.0.1", "10.0.0.2"]);
    store.bmc_pin(&rack[1], Some("aa".into())).await.unwrap();
    assert_eq!(store.bmc(&rack[1]).await.unwrap().unwrap().certificate.as_deref(), Some("aa"));
    let found = FoundBmc { address: "10.0.0.2".into(), mac: Some(mac(9)), at: 7 };
    store.bmc_saw(&rack[1], FoundBmc { mac: None, ..found.clone() }).await.unwrap();
    store.bmc_saw(&rack[1], found.clone()).await.unwrap();
    store.power_read(&rack[1], reading(Some(Power::On), Health::Healthy), 5).await.unwrap();
    assert!(store.bmc_forget(&rack[1]).await.unwrap());
    assert!(!store.bmc_forget(&rack[1]).await.unwrap());
    assert_eq!(store.bmc(&rack[1]).await.unwrap(), None);
    assert_eq!(store.power(&rack[1]).await.unwrap(), None);
    assert_eq!(
        store.bmcs_found("m1", "m9").await.unwrap(),
        [("m2".to_string(), found)],
        "an offer stays one"
    );
    database.execute("DELETE FROM machine").await;
    assert_eq!(store.bmcs("", 9).await.unwrap(), []);
}

pub async fn only_a_changed_reading_is_news(database: Database) {
    let (store, machine) = (&database.store, database.born(1).await);
    let mut changes = store.changes();
    let mut told = async |read: Reading, at| {
        store.power_read(&machine, read, at).await.unwrap();
        (woken(&mut changes).len(), store.power(&machine).await.unwrap().unwrap())
    };
    let (news, row) = told(reading(Some(Power::Off), Health::Healthy), 10).await;
    assert_eq!((news, row.power.as_str(), row.read_at, row.health_since), (1, "off", Some(10), 10));
    let (news, row) = told(reading(Some(Power::Off), Health::Healthy), 20).await;
    assert_eq!((news, row.read_at, row.health_since), (0, Some(20), 10));
    let (news, row) = told(reading(None, Health::Hung), 30).await;
    assert_eq!((news, row.power.as_str(), row.read_at, row.health_since), (1, "off", Some(20), 30));
    let (news, row) = told(reading(Some(Power::On), Health::Healthy), 40).await;
    assert_eq!((news, row.power.as_str(), row.read_at, row.health_since), (1, "on", Some(40), 40));
}

pub async fn what_was_begun_outlives_the_server(database: Database) {
    let (store, machine) = (&database.store, database.born(1).await);
    let doing = Doing {
        action: Some(PowerAction::Cycle),
        acted_at: 5,
        tries: 2,
        on_at: Some(4),
        cycled: true,
        trouble: Trouble::NotObeyed,
    };
    store.power_doing(&machine, doing).await.unwrap();
    assert_eq!(store.power(&machine).await.unwrap(), None, "its BMC comes first");
    store.power_read(&machine, reading(Some(Power::On), Health::Slow), 1).await.unwrap();
    assert_eq!(store.power(&machine).await.unwrap().unwrap().doing().unwrap(), Doing::default());
    store.power_doing(&machine, doing).await.unwrap();
    store.power_read(&machine, reading(Some(Power::Off), Health::Slow), 2).await.unwrap();
    store.bmc_was_reset(&machine, 77).await.unwrap();
    let row = database.replica().await.power(&machine).await.unwrap().unwrap();
    assert_eq!((row.doing().unwrap(), row.reset_at), (doing, 77), "a reading changes nothing of it");
}

pub async fn what_an_agent_was_asked_is_kept_until_it_is_woken(database: Database) {
    let (store, machine) = (&database.store, database.born(1).await);
    assert_eq!(store.agent_power(&machine).await.unwrap(), None);
    store.submit(&machine, Event::PowerOff, "ada", 1).await.unwrap();
    store.agent_power_ask(&machine, ByAgent::Reboot, "b0", 1).await.unwrap();
    store.agent_power_ask(&machine, ByAgent::PowerOff, "b1", 2).await.unwrap();
    let asked = |gone_at| Asked { what: ByAgent::PowerOff, boot_id: "b1".into(), asked_at: 2, gone_at };
    assert_eq!(database.replica().await.agent_power(&machine).await.unwrap(), Some(asked(None)));
    let offer = |id: &str| NewTask {
        machine: machine.clone(),
        key: id.into(),
        task: Task { id: id.into(), generation: 0, work: Work::PowerOff },
        deadline: i64::MAX,
    };
    assert!(store.task_offer(offer("t1"), 3).await.unwrap().is_some());
    let failed = Outcome::Failed { reason: "systemd says no".into() };
    store.task_finish(&machine, "t1", failed, 4).await.unwrap();
    assert_eq!(store.agent_power(&machine).await.unwrap(), Some(asked(None)), "it is still there");
    let notes = store.history(&machine, 9).await.unwrap();
    assert!(
        notes.iter().any(|entry| entry.note == "its agent does not go down: systemd says no"),
        "{notes:?}"
    );
    assert!(store.task_offer(offer("t2"), 5).await.unwrap().is_some());
    store.task_finish(&machine, "t2", Outcome::Done, 6).await.unwrap();
    assert_eq!(store.agent_power(&machine).await.unwrap(), Some(asked(Some(6))));
    // Asked anew, it has said nothing yet, and what it works on is dropped.
    assert!(store.task_offer(offer("t3"), 7).await.unwrap().is_some());
    store.agent_power_ask(&machine, ByAgent::PowerOff, "b1", 8).await.unwrap();
    assert_eq!(store.agent_power(&machine).await.unwrap().unwrap().gone_at, None);
    assert_eq!(store.task_finish(&machine, "t3", Outcome::Done, 9).await.unwrap(), None);
    store.agent_power_woken(&machine, 9).await.unwrap();
    let woken = store.agent_power(&machine).await.unwrap().unwrap();
    assert_eq!((woken.what, woken.gone_at), (ByAgent::Reboot, Some(9)));
}

pub async fn a_models_time_is_learned(database: Database) {
    let store = &database.store;
    assert_eq!(store.usual("X9SCL").await.unwrap(), Usual::default());
    for seconds in [100, 120] {
        let usual = store.usual("X9SCL").await.unwrap().with(Duration::from_secs(seconds));
        store.usual_put("X9SCL", usual).await.unwrap();
    }
    let usual = database.replica().await.usual("X9SCL").await.unwrap();
    assert_eq!((usual.samples, usual.mean), (2, 102_500_000));
}

pub async fn all_are_counted(database: Database) {
    let store = &database.store;
    let rack = database.rack(3).await;
    for (machine, health) in rack.iter().zip([Health::Healthy, Health::Hung, Health::Hung]) {
        store.power_read(machine, reading(None, health), 1).await.unwrap();
    }
    let trouble = Doing { trouble: Trouble::NotOnTheWire, ..Doing::default() };
    store.power_doing(&rack[0], trouble).await.unwrap();
    let (healths, troubles) = store.power_counts().await.unwrap();
    assert_eq!(healths, [("healthy".into(), 1), ("hung".into(), 2)]);
    assert_eq!(troubles, [("not-on-the-wire".into(), 1)]);
}
