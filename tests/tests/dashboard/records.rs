//! What is on record: each page shows it, and what can be changed there is.

use std::fs;

use anyhow::{Result, ensure};
use api::id::Mac;
use api::who::Doubt;
use server::store::lease::{Addresses, Wish};
use tests::chromium::Browser;
use tests::desk::Desk;

use crate::steps::{log_in, no_complaints, picture, text};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_record_has_its_page() -> Result<()> {
    let desk = Desk::open().await?;
    let node07 = desk.born("node07", 7).await?;
    let mac: Mac = "52:54:00:a1:00:07".parse()?;
    lease(&desk, mac).await?;
    let browser = Browser::open()?;
    log_in(&desk, &browser)?;
    browser.goto(&desk.url("/machines/node07"))?;
    browser.press("hold")?;
    browser.shows("#status .state", "held")?;

    browser.press("Audit")?;
    browser.shows("h1", "Audit log")?;
    browser.shows("tbody", "hold: false → true")?;
    browser.shows("tbody", "127.0.0.1")?;
    picture(&browser, "audit")?;
    browser.types("#subject", "node07")?;
    browser.press("Show")?;
    browser.holds("return location.search.includes('subject=node07')")?;
    browser.shows("tbody", "/machines/")?;
    browser.goto(&desk.url("/audit?who=nobody"))?;
    browser.shows("main", "Nothing is recorded that fits")?;

    browser.press("Events")?;
    browser.shows("tbody", "hold")?;
    browser.types("#machine", "nowhere")?;
    browser.press("Show")?;
    browser.shows("[role=alert]", "no machine nowhere")?;
    ensure!(text(&browser, "return document.getElementById('machine').value")? == "nowhere");
    browser.goto(&desk.url("/events?refused=yes"))?;
    browser.shows("main", "Nothing has happened that fits")?;

    browser.press("Addresses")?;
    browser.shows("tbody", "10.77.0.107")?;
    browser.shows("tbody", "node07")?;
    browser.types("#mac", "52:54:00:a1:00:zz")?;
    browser.types("#address", "10.77.0.20")?;
    browser.press("Reserve")?;
    browser.shows("[role=alert]", "52:54:00:a1:00:zz")?;
    ensure!(text(&browser, "return document.getElementById('address').value")? == "10.77.0.20");
    browser.goto(&desk.url("/leases"))?;
    browser.types("#mac", &mac.to_string())?;
    browser.types("#address", "10.77.0.20")?;
    browser.press("Reserve")?;
    browser.shows("tbody", "by operator")?;
    ensure!(desk.store.reservation_of(mac).await?.is_some());
    browser.press("give back")?;
    browser.holds("return !document.body.innerText.includes('by operator')")?;
    ensure!(desk.store.reservation_of(mac).await?.is_none());

    browser.press("Profiles")?;
    browser.shows("tbody", "worker")?;
    browser.press("worker")?;
    browser.shows(".settings", "debian-12")?;
    browser.press("Images")?;
    browser.shows("main", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")?;
    browser.shows("main", "worker")?;
    picture(&browser, "images")?;
    browser.press("Verify")?;
    browser.shows("h1", "debian-12 is whole")?;
    fs::write(desk.folder.path().join("images/debian-12/root.ext4.zst"), "another")?;
    browser.press("To the images")?;
    browser.press("Verify")?;
    browser.shows("h1", "debian-12 is broken")?;
    browser.press("Deleted")?;
    browser.shows("main", "No machine was deleted")?;

    desk.store
        .quarantine(
            &node07,
            (Doubt::Hardware, "its board is node08's".into()),
            vec![mac],
            server::clock::now(),
        )
        .await?;
    browser.goto(&desk.url("/?quarantined=yes"))?;
    browser.press("node07")?;
    browser.shows("#doubt", "its board is node08's")?;
    browser.shows("#doubt", "until a person says whose hardware this is")?;
    browser.press("split")?;
    browser.shows("h1", "split node07?")?;
    browser.holds("return document.querySelector('[name=mac]').checked")?;
    no_complaints(&browser)
}

/// Its firmware has asked for an address.
async fn lease(desk: &Desk, mac: Mac) -> Result<()> {
    let address = std::net::Ipv4Addr::new(10, 77, 0, 107);
    let pools = vec![("10.77.0.100".parse()?, "10.77.0.199".parse()?)];
    let addresses = Addresses { network: "rack".into(), pools, reserved: vec![], excluded: vec![] };
    desk.store.lease_site(vec![addresses]).await?;
    let now = server::clock::now();
    let wish = Wish { mac, network: "rack".into(), reserved: None, remembered: Some(address), now };
    desk.store.lease_offer(wish).await?;
    ensure!(desk.store.lease_commit(mac, address, now + 3_600_000_000, now).await?);
    Ok(())
}
