//! The plain tables: plans, facts, tokens, and the tables themselves.

use api::facts::{BootMode, Facts, Firmware, Memory, Product};
use api::id::MachineId;
use api::plan::{Plan, PlannedDisk, PlannedImage};
use api::state::Home;
use api::user::{AuditEntry, AuditQuery, Role, User};
use serde_json::json;
use server::store::{Error, Holder, NewToken, Store};

use crate::database::Database;

fn plan(machine: &MachineId, generation: i64, guid: &str) -> Plan {
    let image = PlannedImage {
        name: "debian-12".into(),
        version: "12.9".into(),
        file: "root.ext4.zst".into(),
        format: "ext4.zst".into(),
        size: 1,
        unpacked: 2,
        sha256: "00".into(),
    };
    let disk = PlannedDisk {
        model: "TESTDISK".into(),
        serial: "S1".into(),
        wwn: String::new(),
        size: 1 << 34,
        sector_size: 512,
        fingerprint: "ff".into(),
        guid: guid.into(),
        partitions: Vec::new(),
    };
    Plan { machine: machine.clone(), generation, boot_id: "b1".into(), image, disk }
}

fn facts(boot_id: &str) -> Facts {
    Facts {
        boot_id: boot_id.into(),
        home: Home::Ram,
        boot_mode: BootMode::Bios,
        secure_boot: None,
        kernel: "6.1".into(),
        firmware: Firmware::default(),
        system: Product { serial: "SN 1 \"ü\"".into(), ..Product::default() },
        board: Product::default(),
        chassis: Product::default(),
        uuid: None,
        cpus: Vec::new(),
        memory: Memory { total: u64::from(u32::MAX), modules: Vec::new() },
        disks: Vec::new(),
        interfaces: Vec::new(),
        bmc: None,
        clock_error_ms: -5,
    }
}

pub async fn tables_are_brought_up_to_date_once(database: Database) {
    let id = database.born(1).await;
    let (again, once_more) = tokio::join!(Store::open(&database.url), Store::open(&database.url));
    assert_eq!(again.unwrap().machine(&id).await.unwrap().id(), id);
    assert_eq!(once_more.unwrap().machine(&id).await.unwrap().id(), id);
    let wrong = Store::open("mysql://localhost/metal").await;
    assert!(matches!(wrong, Err(Error::Url(_))));
}

pub async fn a_frozen_plan_stays(database: Database) {
    let (store, id) = (&database.store, database.born(1).await);
    assert_eq!(store.plan(&id, 1).await.unwrap(), None);
    let other = database.replica().await;
    let mut freezes = tokio::task::JoinSet::new();
    for number in 0..8 {
        let (store, plan) =
            (if number % 2 == 0 { store.clone() } else { other.clone() }, plan(&id, 1, &number.to_string()));
        freezes.spawn(async move { store.plan_freeze(plan, 5).await.unwrap() });
    }
    let mut plans = freezes.join_all().await;
    plans.dedup();
    assert_eq!(plans.len(), 1, "all were told the plan that was first");
    assert_eq!(store.plan(&id, 1).await.unwrap().as_ref(), plans.first());
    let next = plan(&id, 2, "another");
    assert_eq!(store.plan_freeze(next.clone(), 6).await.unwrap(), next, "each generation has its own");
    assert_eq!(store.plan(&id, 1).await.unwrap().as_ref(), plans.first());
}

pub async fn the_newest_facts_are_kept(database: Database) {
    let (store, id) = (&database.store, database.born(1).await);
    assert_eq!(store.facts(&id).await.unwrap(), None);
    for boot in ["b1", "b2"] {
        store.facts_put(&id, &facts(boot), 5).await.unwrap();
        assert_eq!(store.facts(&id).await.unwrap(), Some(facts(boot)));
        assert_eq!(store.facts_boot(&id).await.unwrap().as_deref(), Some(boot));
    }
    let nobody = store.facts_put(&MachineId("nobody".into()), &facts("b1"), 5).await;
    assert!(matches!(nobody, Err(Error::Database(_))), "facts belong to a machine");
}

fn token(hash: &str, name: &str, kind: &'static str, expires: Option<i64>) -> NewToken {
    NewToken { hash: hash.into(), name: name.into(), role: Role::Viewer, kind, expires }
}

pub async fn a_token_is_known_until_it_ends(database: Database) {
    let store = &database.store;
    let name = async |hash: &str, kind, now| {
        store.token_holder(hash, kind, now).await.unwrap().map(|holder| holder.name)
    };
    store.token_add(token("t", "anna", "token", None), 1).await.unwrap();
    store.token_add(token("s", "bert", "session", Some(100)), 1).await.unwrap();
    store.token_add(token("t", "mallory", "token", None), 2).await.unwrap();
    assert_eq!(name("t", "token", i64::MAX).await.as_deref(), Some("anna"), "the first stands");
    assert_eq!(name("t", "session", 5).await, None, "a token is no session");
    assert_eq!(name("s", "session", 99).await.as_deref(), Some("bert"));
    assert_eq!(name("s", "session", 100).await, None, "it has ended");
    assert_eq!(name("x", "token", 5).await, None);
    store.token_remove("t".into()).await.unwrap();
    assert_eq!(name("t", "token", 5).await, None);
}

pub async fn a_user_has_one_token_until_it_is_revoked(database: Database) {
    let store = &database.store;
    assert!(store.user_add(token("t", "anna", "token", Some(50)), 1).await.unwrap());
    assert!(!store.user_add(token("u", "anna", "token", None), 2).await.unwrap(), "the name is taken");
    assert_eq!(store.token_holder("u", "token", 3).await.unwrap(), None);
    store.token_add(token("s", "anna", "session", Some(40)), 3).await.unwrap();
    let users = store.users(4).await.unwrap();
    let anna = User { name: "anna".into(), role: Role::Viewer, created: 1, expires: Some(50) };
    assert_eq!(users, [anna], "a session is no user");
    assert!(store.users(50).await.unwrap().is_empty(), "a token that has ended is none");
    assert!(store.user_revoke("anna").await.unwrap());
    assert!(!store.user_revoke("anna").await.unwrap());
    for (hash, kind) in [("t", "token"), ("s", "session")] {
        assert_eq!(store.token_holder(hash, kind, 5).await.unwrap(), None, "its {kind} is over, too");
    }
    assert!(store.user_add(token("t", "anna", "token", None), 6).await.unwrap());
    let holder = store.token_holder("t", "token", 7).await.unwrap().unwrap();
    assert_eq!(holder, Holder { name: "anna".into(), role: Role::Viewer, expires: None });
}

pub async fn the_audit_log_keeps_what_began_and_how_it_ended(database: Database) {
    let store = &database.store;
    for (number, who) in [(1, "anna"), (2, "bert"), (3, "anna")] {
        let entry = AuditEntry {
            id: format!("0{number}"),
            at: number,
            who: who.into(),
            role: Role::Operator,
            address: "192.0.2.7".into(),
            call: "POST /api/v1/machines/node07/hold".into(),
            subject: if number == 3 { "m2".into() } else { "m1".into() },
            status: None,
            before: Some(json!({"hold": false})),
            after: None,
        };
        store.audit_begin(entry).await.unwrap();
    }
    store.audit_end("02".into(), 200, Some(json!({"hold": true}))).await.unwrap();
    let ids = async |query: AuditQuery| -> Vec<String> {
        store.audit(&query).await.unwrap().into_iter().map(|entry| entry.id).collect()
    };
    let (anna, m1) = (Some("anna".to_string()), Some("m1".to_string()));
    assert_eq!(ids(AuditQuery::default()).await, ["03", "02", "01"]);
    assert_eq!(ids(AuditQuery { limit: Some(1), ..AuditQuery::default() }).await, ["03"]);
    assert_eq!(ids(AuditQuery { before: Some("02".into()), ..AuditQuery::default() }).await, ["01"]);
    assert_eq!(ids(AuditQuery { who: anna.clone(), ..AuditQuery::default() }).await, ["03", "01"]);
    assert_eq!(ids(AuditQuery { subject: m1.clone(), ..AuditQuery::default() }).await, ["02", "01"]);
    assert_eq!(ids(AuditQuery { who: anna, subject: m1, ..AuditQuery::default() }).await, ["01"]);
    let entries = store.audit(&AuditQuery::default()).await.unwrap();
    assert_eq!((entries[1].status, &entries[1].after), (Some(200), &Some(json!({"hold": true}))));
    assert_eq!((entries[0].status, &entries[0].after), (None, &None), "nobody knows how this one ended");
    assert_eq!(entries[0].before, Some(json!({"hold": false})));
}
