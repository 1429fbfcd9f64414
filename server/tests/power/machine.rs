//! One machine: what is wanted of it, what its BMC makes of that, and what a person is told.

use api::bmc::{Fault, Power, PowerAction};
use api::event::Event;
use api::power::{Health, Trouble};
use server::bmc::access::{Open, Password, access, place, seal_place};
use server::bmc::drive::verified;
use server::bmc::gap::Doing;
use server::bmc::lane::{Asker, Request};
use server::bmc::switch::restart;
use server::store::bmc::BmcRow;

use crate::rack::{Rack, Way, address, bmc};

const SECOND: i64 = 1_000_000;

#[tokio::test]
async fn a_machine_that_is_off_is_started_into_ram() {
    let rack = Rack::new("").await;
    let id = rack.machine(1, Power::Off, Way::Obeys).await;
    rack.poll(&id).await;
    assert_eq!(rack.fakes.moves("bmc-1"), ["boot network uefi", "on"]);
    let view = rack.view(&id).await.power.unwrap();
    assert_eq!((view.power, view.health, view.doing), (Power::Off, Health::Healthy, Some(PowerAction::On)));
    // It is read back, and its first packet ends it.
    rack.poll(&id).await;
    assert_eq!(rack.view(&id).await.power.unwrap().power, Power::On);
    rack.app.store.machine_seen(&id, "discover".into(), server::clock::now()).await.unwrap();
    rack.pass(&id).await;
    assert_eq!(rack.fakes.moves("bmc-1"), ["boot network uefi", "on"]);
    assert_eq!(rack.app.store.power(&id).await.unwrap().unwrap().doing().unwrap(), Doing::default());
    assert!(rack.notes(&id).await.iter().any(|note| note.starts_with("on the wire")));
}

#[tokio::test]
async fn nothing_is_done_to_what_is_held_or_not_ours() {
    let rack = Rack::new("").await;
    let held = rack.machine(1, Power::Off, Way::Obeys).await;
    rack.submit(&held, Event::Hold).await;
    let retired = rack.machine(2, Power::Off, Way::Obeys).await;
    rack.submit(&retired, Event::Retire { wish: Default::default() }).await;
    for id in [&held, &retired] {
        rack.poll(id).await;
    }
    assert_eq!((rack.fakes.moves("bmc-1"), rack.fakes.moves("bmc-2")), (vec![], vec![]));
    rack.submit(&held, Event::Release).await;
    rack.poll(&held).await;
    assert_eq!(rack.fakes.moves("bmc-1").last().unwrap(), "on");
}

#[tokio::test]
async fn wanted_off_it_is_shut_down_and_stays_off() {
    let rack = Rack::new("").await;
    let id = rack.machine(1, Power::On, Way::Obeys).await;
    rack.submit(&id, Event::PowerOff).await;
    for _ in 0..3 {
        rack.poll(&id).await;
    }
    assert_eq!(rack.fakes.moves("bmc-1"), ["shutdown"]);
    let view = rack.view(&id).await;
    assert!(view.power_off && view.wait.unwrap().then.contains("metalctl machine power on node0001"));
    rack.submit(&id, Event::PowerOn).await;
    rack.poll(&id).await;
    assert_eq!(rack.fakes.moves("bmc-1").last().unwrap(), "on");
}

#[tokio::test]
async fn what_can_do_on_and_off_only_does_the_rest_with_them() {
    let rack = Rack::new("").await;
    let id = rack.machine(1, Power::On, Way::Plain).await;
    rack.poll(&id).await;
    let asked = restart(&rack.app, &rack.bmcs, &id, (PowerAction::Cycle, Asker::Person)).await.unwrap();
    assert_eq!(
        (asked, rack.fakes.moves("bmc-1")),
        (Ok(()), ["boot network uefi", "cycle", "off", "on"].map(String::from).to_vec())
    );
    let asked = restart(&rack.app, &rack.bmcs, &id, (PowerAction::Shutdown, Asker::Person)).await.unwrap();
    assert!(matches!(asked, Err(Fault::Unsupported(_))), "a person may think of something better");
    assert_eq!(rack.fakes.get("bmc-1").power, Power::On);
    rack.submit(&id, Event::PowerOff).await;
    rack.poll(&id).await;
    assert_eq!(rack.fakes.get("bmc-1").power, Power::Off, "it is wanted off");
}

#[tokio::test]
async fn a_bmc_that_lies_is_told_of() {
    let rack = Rack::new("").await;
    let id = rack.machine(1, Power::Off, Way::Lies).await;
    rack.poll(&id).await;
    // Two tries, each with its patience: their times are put into the past.
    for _ in 0..2 {
        let doing = rack.app.store.power(&id).await.unwrap().unwrap().doing().unwrap();
        let earlier = Doing { acted_at: doing.acted_at - 61 * SECOND, ..doing };
        rack.app.store.power_doing(&id, earlier).await.unwrap();
        rack.poll(&id).await;
    }
    assert_eq!(rack.fakes.moves("bmc-1").iter().filter(|asked| *asked == "on").count(), 2);
    let view = rack.view(&id).await;
    assert_eq!(view.power.as_ref().unwrap().trouble, Trouble::NotObeyed);
    assert!(view.wait.unwrap().evidence.contains("its BMC took `on`, and the power still reads off"));
}

/// What was off all the time is the fence of a node; what spoke meanwhile is not off.
#[tokio::test]
async fn one_that_speaks_is_off_by_no_word_of_its_bmc() {
    let rack = Rack::new("").await;
    let id = rack.machine(1, Power::Off, Way::Lies).await;
    let row = rack.app.store.bmc(&id).await.unwrap().unwrap();
    let open = async { rack.fakes.open(&rack.app, &access(&rack.app, &row).await?) };
    let earlier = server::clock::now() - 60 * SECOND;
    rack.bmcs.lane(&id.0).ask(Request::Power, Asker::Server, open, (earlier, 0.5)).await.0.unwrap();
    let off = async || verified(&rack.app, &rack.bmcs, &id).await.unwrap();
    assert_eq!(off().await, Some(Power::Off));
    rack.app.store.machine_seen(&id, "heard".into(), server::clock::now() - SECOND).await.unwrap();
    assert_eq!(off().await, None, "its BMC is another machine's, or lies");
}

#[tokio::test]
async fn a_machine_that_never_speaks_is_cycled_once_and_told_of() {
    let rack = Rack::new("").await;
    let id = rack.machine(1, Power::Off, Way::Obeys).await;
    for _ in 0..6 {
        rack.poll(&id).await;
        let doing = rack.app.store.power(&id).await.unwrap().unwrap().doing().unwrap();
        let back = |at: i64| at - 700 * SECOND;
        let earlier = Doing { acted_at: back(doing.acted_at), on_at: doing.on_at.map(back), ..doing };
        if doing.action.is_none() {
            rack.app.store.power_doing(&id, earlier).await.unwrap();
        } else {
            rack.app
                .store
                .power_doing(&id, Doing { acted_at: doing.acted_at - 11 * SECOND, ..doing })
                .await
                .unwrap();
        }
    }
    let moves = rack.fakes.moves("bmc-1");
    assert_eq!(moves, ["boot network uefi", "on", "boot network uefi", "cycle"]);
    let view = rack.view(&id).await;
    assert_eq!(view.power.as_ref().unwrap().trouble, Trouble::NotOnTheWire);
    assert!(view.wait.unwrap().evidence.contains("did not appear on the wire within 10 min"));
    let why = server::why::why(&rack.view(&id).await, None, server::clock::now());
    assert_eq!(why.entry, "not-on-the-wire");
}

#[tokio::test]
async fn each_fault_is_on_the_machine_with_what_to_do() {
    let changed = Fault::CertificateChanged { pinned: "aa".into(), presented: "bb".into() };
    for (number, (fault, health, entry)) in [
        (Fault::Hung("no answer in 10 s".into()), Health::Hung, "bmc-hung"),
        (Fault::Refused("401".into()), Health::Refused, "bmc-refused"),
        (Fault::NoSessions("no room".into()), Health::NoSessions, "bmc-no-sessions"),
        (Fault::Unreachable("no route".into()), Health::Unreachable, "bmc-unreachable"),
        (changed, Health::CertificateChanged, "bmc-certificate"),
    ]
    .into_iter()
    .enumerate()
    {
        let (rack, number) = (Rack::new("").await, u16::try_from(number).unwrap());
        let id = rack.machine(number, Power::On, Way::Obeys).await;
        rack.poll(&id).await;
        rack.fakes.change(&address(number), |fake| fake.way = Way::Fails(fault.clone()));
        rack.poll(&id).await;
        rack.poll(&id).await;
        let view = rack.view(&id).await;
        let power = view.power.as_ref().unwrap();
        assert_eq!((power.health, power.power), (health, Power::On), "what was read last stays");
        assert!(power.todo.contains("metalctl bmc"), "{}", power.todo);
        assert_eq!(server::why::why(&view, None, server::clock::now()).entry, entry);
        assert!(rack.notes(&id).await.iter().any(|note| note.contains("its BMC failed")));
        rack.fakes.change(&address(number), |fake| fake.way = Way::Obeys);
        let row = rack.app.store.bmc(&id).await.unwrap().unwrap();
        rack.bmcs.read(&rack.app, &row, Asker::Person).await.unwrap();
        assert_eq!(rack.view(&id).await.power.unwrap().health, Health::Healthy);
        assert_eq!(rack.notes(&id).await.last().unwrap(), "its BMC answers again");
    }
}

#[tokio::test]
async fn an_open_circuit_keeps_a_person_from_nothing() {
    let rack = Rack::new("").await;
    let id = rack.machine(1, Power::On, Way::Fails(Fault::Refused("401".into()))).await;
    rack.poll(&id).await;
    rack.poll(&id).await;
    assert_eq!(rack.fakes.get("bmc-1").asked.len(), 1, "BMCs lock accounts");
    rack.fakes.change("bmc-1", |fake| fake.way = Way::Obeys);
    let done = restart(&rack.app, &rack.bmcs, &id, (PowerAction::Cycle, Asker::Person)).await.unwrap();
    assert_eq!(done, Ok(()));
    assert_eq!(rack.fakes.moves("bmc-1"), ["boot network uefi", "cycle"]);
}

#[tokio::test]
async fn a_hung_bmc_is_restarted_where_the_site_allows_it() {
    const SET: &str = "[bmc.any]\ndefault = true\nuser = \"u\"\npassword_file = \"/dev/null\"\ncold_reset = ";
    for (allowed, resets) in [("false", 0), ("true", 1)] {
        let rack = Rack::new(&format!("{SET}{allowed}\n")).await;
        let id = rack.machine(1, Power::On, Way::Fails(Fault::Hung("no answer".into()))).await;
        let row = rack.app.store.bmc(&id).await.unwrap().unwrap();
        for _ in 0..5 {
            let _ = rack.bmcs.read(&rack.app, &row, Asker::Person).await;
            rack.bmcs.reset_hung(&rack.app, &row).await.unwrap();
        }
        let asked = rack.fakes.get("bmc-1").asked;
        assert_eq!(asked.iter().filter(|asked| *asked == "reset").count(), resets, "{asked:?}");
    }
}

#[tokio::test]
async fn the_first_certificate_is_pinned() {
    let rack = Rack::new("").await;
    let id = rack.machine(1, Power::On, Way::Obeys).await;
    rack.fakes.change("bmc-1", |fake| fake.certificate = Some("c0ffee".into()));
    rack.poll(&id).await;
    assert_eq!(rack.app.store.bmc(&id).await.unwrap().unwrap().certificate.as_deref(), Some("c0ffee"));
    // The next one to answer there is to get no password, whatever became of the first request.
    let refused = rack.machine(2, Power::On, Way::Fails(Fault::Refused("401".into()))).await;
    rack.fakes.change("bmc-2", |fake| fake.certificate = Some("f00d".into()));
    rack.poll(&refused).await;
    assert_eq!(rack.app.store.bmc(&refused).await.unwrap().unwrap().certificate.as_deref(), Some("f00d"));
}

#[tokio::test]
async fn a_login_is_its_own_or_that_of_the_site() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, "of the site\n").unwrap();
    let set = format!("[bmc.any]\ndefault = true\nuser = \"u\"\npassword_file = \"{}\"\n", file.display());
    let rack = Rack::new(&set).await;
    let id = rack.machine(1, Power::On, Way::Obeys).await;
    rack.app.store.bmc_put(BmcRow { username: String::new(), ..bmc(&id, "bmc-1") }).await.unwrap();
    rack.poll(&id).await;
    let fake = rack.fakes.get("bmc-1");
    assert_eq!((fake.user.as_str(), fake.password.as_str()), ("u", "of the site"));
    let sealed = rack.app.seal.seal(&seal_place(&id.0), b"its own");
    let own = BmcRow { password: Some(sealed), ..bmc(&id, "bmc-1") };
    rack.app.store.bmc_put(own).await.unwrap();
    rack.bmcs.forget(&id.0);
    rack.poll(&id).await;
    let fake = rack.fakes.get("bmc-1");
    assert_eq!((fake.user.as_str(), fake.password.as_str()), ("root", "its own"));
}

/// A pass may be in the middle of something for minutes.
#[tokio::test]
async fn who_began_before_a_bmc_was_changed_opens_no_way_to_the_one_before() {
    let rack = Rack::new("").await;
    let id = rack.machine(1, Power::On, Way::Obeys).await;
    let before = rack.app.store.bmc(&id).await.unwrap().unwrap();
    rack.fakes.put("bmc-9", Power::Off, Way::Obeys);
    rack.app.store.bmc_put(bmc(&id, "bmc-9")).await.unwrap();
    rack.bmcs.forget(&id.0);
    assert_eq!(rack.bmcs.read(&rack.app, &before, Asker::Person).await, Ok(Power::Off));
    rack.poll(&id).await;
    assert!(rack.fakes.get("bmc-1").asked.is_empty());
}

#[tokio::test]
async fn a_vendors_login_waits_until_the_vendor_is_known() {
    const SET: &str = "[bmc.any]\nvendor = \"Supermicro\"\nuser = \"u\"\npassword_file = \"/dev/null\"\n";
    let rack = Rack::new(SET).await;
    let id = rack.machine(1, Power::Off, Way::Obeys).await;
    let declared = BmcRow { username: String::new(), origin: "site".into(), ..bmc(&id, "bmc-1") };
    rack.app.store.bmc_put(declared).await.unwrap();
    rack.poll(&id).await;
    assert!(rack.fakes.get("bmc-1").asked.is_empty(), "it was asked without a login");
    let power = rack.view(&id).await.power.unwrap();
    assert_eq!(power.health, Health::Refused);
    assert!(power.sentence.contains("known from its first inspection on"), "{}", power.sentence);
}

#[tokio::test]
async fn a_key_and_a_packets_password_are_its_own_or_those_of_its_set() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    let (password, key) = (file("password", "p\n"), file("key", "0x00ff\n"));
    let wol = file("wol", "00:11:22:33:44:55\n");
    let rack = Rack::new(&format!(
        "[bmc.any]\ndefault = true\ndriver = \"ipmi\"\nuser = \"u\"\npassword_file = \"{password}\"\n\
         bmc_key_file = \"{key}\"\n[bmc.wol]\ndriver = \"wake-on-lan\"\nsecure_on_file = \"{wol}\"\n"
    ))
    .await;
    let id = rack.machine(1, Power::On, Way::Obeys).await;
    let plain = bmc(&id, "bmc-1");
    let secrets = async |row: BmcRow| {
        let access = access(&rack.app, &row).await.unwrap();
        let shown = |secret: Option<Password>| secret.map(|secret| secret.expose().to_string());
        (access.password.expose().to_string(), shown(access.bmc_key), shown(access.secure_on))
    };
    let some = |text: &str| Some(text.to_string());
    let of_set = secrets(BmcRow { driver: "ipmi".into(), ..plain.clone() }).await;
    assert_eq!(of_set, ("p".into(), some("0x00ff"), None));
    let seal = |what, text: &str| Some(rack.app.seal.seal(&place(what, &id.0), text.as_bytes()));
    let own = BmcRow {
        driver: "ipmi".into(),
        password: seal("password", "q"),
        bmc_key: seal("bmc_key", "own"),
        ..plain.clone()
    };
    assert_eq!(secrets(own).await, ("q".into(), some("own"), None));
    let sleeper = BmcRow { driver: "wake-on-lan".into(), ..plain };
    assert_eq!(secrets(sleeper.clone()).await, (String::new(), None, None), "no BMC's password for a packet");
    let named = BmcRow { credentials: some("wol"), ..sleeper.clone() };
    assert_eq!(secrets(named).await, (String::new(), None, some("00:11:22:33:44:55")));
    let own = BmcRow { secure_on: seal("secure_on", "aa:bb:cc:dd:ee:ff"), ..sleeper };
    assert_eq!(secrets(own).await.2, some("aa:bb:cc:dd:ee:ff"));
}
