//! A yes is to what was shown: what changed between the look and the yes is refused by name, and who has not looked
//! says so.

use api::facts::Disk;
use api::machine::Allowed;
use api::order::Order;
use api::state::State;
use api::wipe::{WipeScope, WipeWish};
use server::freeze::Authorisation;
use server::freeze::shown::{Erased, digest};

use crate::bench::{Bench, disk, facts, with_data};

async fn shown(bench: &Bench) -> String {
    let row = bench.app.store.machine(&bench.id).await.unwrap();
    let erasure = bench.app.erasure(&row, Authorisation::Person).await.unwrap();
    assert_eq!((erasure.refusal, erasure.digest.is_empty()), (None, false));
    erasure.digest
}

/// Another boot finds these disks.
async fn finds(bench: &Bench, boot: &str, disks: Vec<Disk>) {
    bench.hello(boot).await;
    bench.reports(&facts(boot, disks)).await;
}

async fn approve(bench: &Bench, shown: &str) -> Result<(), (u16, String)> {
    bench.orders("approve", Allowed::default(), Order::yes_to(shown)).await
}

#[tokio::test]
async fn what_changed_after_the_look_is_not_erased() {
    let bench = Bench::new().await;
    assert_eq!(bench.boots("b1", vec![with_data("A")]).await, "nothing");
    let then = shown(&bench).await;
    finds(&bench, "b2", vec![with_data("B")]).await;
    let (status, error) = approve(&bench, &then).await.unwrap_err();
    assert_eq!(status, 409);
    let swapped = "this is not what was shown: sda (SSD, serial B, 20.0 GiB) would be erased and was not shown; \
                   one disk that was shown would not be erased any more";
    assert_eq!(error, swapped);
    let mut other = with_data("A");
    other.content.signatures = vec!["sda1 zfs_member tank".into()];
    finds(&bench, "b3", vec![other]).await;
    let (_, error) = approve(&bench, &then).await.unwrap_err();
    let filled = "sda (SSD, serial A, 20.0 GiB) holds something else by now: mbr table, sda1 zfs_member tank";
    assert!(error.ends_with(filled), "{error}");
    assert_eq!(bench.state().await, "available");
    assert!(bench.app.store.approved_disks(&bench.id).await.unwrap().is_empty(), "nothing was approved");
    // The kernel counted the disks in another order: it is the same disk.
    let renamed = with_data("A");
    let signatures = vec!["sdb1 ntfs Data".into()];
    let content = api::facts::DiskContent { signatures, ..renamed.content.clone() };
    finds(&bench, "b4", vec![Disk { name: "sdb".into(), content, ..renamed }]).await;
    approve(&bench, &then).await.unwrap();
}

#[tokio::test]
async fn who_has_not_looked_says_so_and_it_is_kept() {
    let bench = Bench::new().await;
    bench.boots("b1", vec![with_data("A")]).await;
    let (status, error) = approve(&bench, "").await.unwrap_err();
    assert_eq!(
        (status, error.as_str()),
        (428, "this erases disks, and nobody has looked at what is on them")
    );
    assert_eq!(bench.state().await, "available");
    let unseen = Allowed { unseen: true, ..Allowed::default() };
    // Who has looked and says so is held to it.
    let (status, _) = bench.orders("approve", unseen, Order::yes_to("0123456789abcdef")).await.unwrap_err();
    assert_eq!(status, 409);
    bench.orders("approve", unseen, Order::default()).await.unwrap();
    let history = bench.app.store.history(&bench.id, 5).await.unwrap();
    let said = history.iter().find(|entry| entry.event == "approved").unwrap();
    assert_eq!(said.who, "ada unseen");
}

#[tokio::test]
async fn a_wipe_is_of_what_was_shown() {
    let bench = Bench::new().await;
    bench.boots("b1", vec![with_data("A"), disk("B")]).await;
    let wish = WipeWish { scope: WipeScope::All, ..WipeWish::default() };
    let look = async || {
        let row = bench.app.store.machine(&bench.id).await.unwrap();
        bench.app.wipe_preview(&row, &wish).await.unwrap().unwrap().digest
    };
    let wipe = async |verb: &str, shown: &str| {
        let order = Order { wipe: wish.clone(), ..Order::yes_to(shown) };
        bench.orders(verb, Allowed::default(), order).await
    };
    let then = look().await;
    for verb in ["wipe", "retire"] {
        assert_eq!(wipe(verb, "").await.unwrap_err().0, 428, "{verb}");
    }
    finds(&bench, "b2", vec![with_data("A"), with_data("B")]).await;
    for verb in ["wipe", "retire"] {
        let (status, error) = wipe(verb, &then).await.unwrap_err();
        assert_eq!(status, 409, "{verb}");
        assert!(error.contains("serial B, 20.0 GiB) holds something else by now"), "{error}");
    }
    // The yes to an install is none to a wipe.
    let disks = [with_data("A"), with_data("B")];
    let install = digest(&Erased { machine: &bench.id, what: "an install", disks: &disks });
    assert!(wipe("wipe", &install).await.unwrap_err().1.ends_with("shown: it would now be a wipe"));
    assert_eq!(bench.state().await, State::Available.as_str());
    wipe("wipe", &look().await).await.unwrap();
    assert_eq!(bench.state().await, "wiping");
    let wanted = bench.app.store.wipe(&bench.id).await.unwrap().unwrap().wish.disks;
    assert_eq!(wanted.len(), 2);
}

#[tokio::test]
async fn what_erases_nothing_needs_no_look() {
    let bench = Bench::new().await;
    bench.boots("b1", vec![with_data("A")]).await;
    for verb in ["hold", "release", "inspect"] {
        bench.orders(verb, Allowed::default(), Order::default()).await.unwrap();
    }
    let kept = WipeWish { scope: WipeScope::None, ..WipeWish::default() };
    let order = Order { wipe: kept, ..Order::default() };
    bench.orders("retire", Allowed::default(), order).await.unwrap();
}
