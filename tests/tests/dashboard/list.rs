//! A person narrows the list of machines, passes its address on, and it stays true by itself.

use anyhow::{Result, ensure};
use api::event::Event;
use api::label::Labels;
use serde_json::json;
use tests::chromium::Browser;
use tests::desk::Desk;

use crate::steps::{lists, loaded_once, log_in, no_complaints, picture, text, watched};

async fn labelled(desk: &Desk, unit: u32, labels: &[(&str, &str)]) -> Result<()> {
    let id = desk.born(&format!("node{unit:02}"), unit).await?;
    let labels: Labels = labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    Ok(desk.store.machine_label(&id, labels, Vec::new()).await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_narrowed_and_its_address_passed_on() -> Result<()> {
    let desk = Desk::open().await?;
    labelled(&desk, 7, &[("zone", "a"), ("gpu", "")]).await?;
    labelled(&desk, 8, &[("zone", "a")]).await?;
    labelled(&desk, 9, &[("zone", "b")]).await?;
    let node10 = desk.born("node10", 10).await?;
    desk.happens(&node10, Event::Hold).await?;
    let browser = Browser::open()?;
    log_in(&desk, &browser)?;
    lists(&browser, &["node10", "node09", "node08", "node07"])?;

    // The keyboard alone: a slash leads to the search.
    browser.key("/")?;
    ensure!(text(&browser, "return document.activeElement.id")? == "q", "`/` does not lead to the search");
    for key in ["z", "o", "n", "e", "=", "a", "Enter"] {
        browser.key(key)?;
    }
    browser.holds("return location.search.includes('q=zone%3Da')")?;
    lists(&browser, &["node08", "node07"])?;
    picture(&browser, "list")?;
    browser.goto(&desk.url("/?label=zone%20gpu"))?;
    lists(&browser, &["node07"])?;
    browser.goto(&desk.url("/"))?;
    browser.press("1 held")?;
    browser.holds("return location.search === '?asks=held'")?;
    lists(&browser, &["node10"])?;
    browser.press("All machines")?;
    browser.types("#label", "zone!=a")?;
    browser.press("Show")?;
    browser.holds("return location.search.includes('label=zone%21%3Da')")?;
    lists(&browser, &["node10", "node09"])?;

    // What cannot be understood is told, and what was typed stays.
    browser.types("#label", " a=b=c")?;
    browser.press("Show")?;
    browser.shows("[role=alert]", "a=b=c")?;
    ensure!(text(&browser, "return document.getElementById('label').value")? == "zone!=a a=b=c");
    browser.types("#q", "nothing is called so")?;
    browser.press("Show")?;
    browser.shows("#list h2", "No machine fits")?;
    no_complaints(&browser)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_narrowed_list_stays_true_and_keeps_what_is_ticked() -> Result<()> {
    let desk = Desk::open().await?;
    let node07 = desk.born("node07", 7).await?;
    let node08 = desk.born("node08", 8).await?;
    let browser = Browser::open()?;
    log_in(&desk, &browser)?;
    browser.goto(&desk.url("/?state=discovered"))?;
    watched(&browser)?;
    browser.run("document.querySelector('[value$=\"07\"]').click()", json!([]))?;
    browser.shows("#ticked", "1 ticked")?;
    browser.types("#q", "half a wor")?;
    desk.hello(&node08).await?;
    browser.holds("return document.querySelectorAll('.machines tbody tr').length === 1")?;
    browser.shows("[data-state=inspecting]", "1")?;
    desk.born("node09", 9).await?;
    browser.shows(".machines", "node09")?;
    desk.happens(&node07, Event::Hold).await?;
    browser.shows(&format!("#machine-{node07}"), "held")?;
    ensure!(text(&browser, "return document.getElementById('q').value")? == "half a wor");
    browser.shows("#ticked", "1 ticked")?;
    loaded_once(&browser)?;
    no_complaints(&browser)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_script_the_list_is_narrowed_all_the_same() -> Result<()> {
    let desk = Desk::open().await?;
    for unit in 1..=9 {
        desk.born(&format!("node{unit:02}"), unit).await?;
    }
    let browser = Browser::open()?;
    browser.cdp("Emulation.setScriptExecutionDisabled", json!({"value": true}))?;
    log_in(&desk, &browser)?;
    browser.shows("#connection", "connecting")?;
    browser.types("#q", "node03")?;
    browser.press("Show")?;
    browser.shows(".machines tbody", "node03")?;
    lists(&browser, &["node03"])?;
    browser.press("hold")?;
    browser.shows("h1", "no machine is meant")?;
    browser.goto(&desk.url("/actions/hold?all=yes&q=node03"))?;
    browser.shows("#meant", "this machine")?;
    browser.press("hold")?;
    browser.shows("h1", "1 done")?;
    browser.press("node03")?;
    browser.shows("#status", "held")
}
