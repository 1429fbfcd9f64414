//! Whoever uses only a keyboard, does not tell colours apart, hears the pages, or has a phone can do all of it.

use anyhow::{Result, bail, ensure};
use api::who::Doubt;
use serde_json::json;
use tests::chromium::Browser;
use tests::desk::Desk;

use crate::steps::{fits_a_phone, log_in, no_complaints, picture, text, watched};

const PAGES: [&str; 15] = [
    "/",
    "/?state=active",
    "/machines/node07",
    "/machines/node07/wipe",
    "/machines/node07/rescue",
    "/machines/node07/split",
    "/actions/reprovision?all=yes",
    "/clusters/prod",
    "/events",
    "/audit",
    "/leases",
    "/images",
    "/profiles",
    "/profiles/worker",
    "/tombstones",
];

/// One h1, each heading at most a step below the one before, a main, a name for every control and every place.
const OUTLINE: &str = r#"
const wrong = [];
const heads = [...document.querySelectorAll('h1, h2, h3, h4')].filter(e => e.checkVisibility()).map(e => Number(e.tagName[1]));
if (heads.filter(level => level === 1).length !== 1) wrong.push(`h1: ${heads}`);
heads.forEach((level, i) => { if (i && level > heads[i - 1] + 1) wrong.push(`h${level} below h${heads[i - 1]}`); });
for (const one of ['main', 'header', 'nav']) if (!document.querySelector(one)) wrong.push(`no ${one}`);
for (const nav of document.querySelectorAll('nav, [role=region], form[role=search]'))
  if (!nav.getAttribute('aria-label')) wrong.push(`a ${nav.tagName} without a name`);
for (const field of document.querySelectorAll('input:not([type=hidden]), select, textarea'))
  if (!field.labels?.length && !field.getAttribute('aria-label')) wrong.push(`no label: ${field.outerHTML}`);
for (const press of document.querySelectorAll('a, button:not([hidden]), summary'))
  if (!(press.innerText || press.textContent).trim() && !press.getAttribute('aria-label')) wrong.push(`no name: ${press.outerHTML}`);
for (const cell of document.querySelectorAll('thead th')) if (!cell.textContent.trim()) wrong.push('a column without a name');
const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.push(`id ${id} twice`);
for (const mark of document.querySelectorAll('[data-tone]'))
  if (mark.checkVisibility() && !mark.innerText.trim()) wrong.push(`only a colour: ${mark.outerHTML}`);
return wrong.join('\n');
"#;

/// Contrast of each text with what is behind it, as WCAG 2.1 counts it; 4.5 is its level AA.
const CONTRAST: &str = r#"
const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
const rgba = (colour) => {
  canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
};
const light = ([r, g, b]) => {
  const part = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
};
const behind = (e) => {
  for (; e; e = e.parentElement) {
    const colour = rgba(getComputedStyle(e).backgroundColor);
    if (colour[3] === 255) return colour;
  }
  return [255, 255, 255, 255];
};
const wrong = new Set();
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node = walk.nextNode(); node; node = walk.nextNode()) {
  const e = node.parentElement;
  if (!node.data.trim() || !e.checkVisibility() || e.closest('script, option, button:disabled')) continue;
  const [one, other] = [light(rgba(getComputedStyle(e).color)), light(behind(e))];
  const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  if (ratio < 4.5) wrong.add(`${ratio.toFixed(2)}: ${node.data.trim().slice(0, 40)}`);
}
return [...wrong].join('\n');
"#;

/// A rack with a machine of most kinds.
async fn rack() -> Result<Desk> {
    let desk = Desk::open().await?;
    let node07 = desk.born("node07", 7).await?;
    desk.hello(&node07).await?;
    desk.inspected(&node07).await?;
    let node08 = desk.born("node08", 8).await?;
    desk.joined(&node08, "node08", false, "container runtime is down, and its name is a long one").await?;
    let node09 = desk.born("a-machine-with-quite-a-long-name-in-a-row-of-others", 9).await?;
    desk.happens(&node09, api::event::Event::Hold).await?;
    desk.store
        .quarantine(
            &node09,
            (Doubt::Hardware, "two machines answer as one".into()),
            vec![],
            server::clock::now(),
        )
        .await?;
    Ok(desk)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_has_its_outline_its_contrast_and_its_room_on_a_phone() -> Result<()> {
    let desk = rack().await?;
    let browser = Browser::open()?;
    log_in(&desk, &browser)?;
    for page in PAGES {
        browser.cdp("Emulation.clearDeviceMetricsOverride", json!({}))?;
        browser.goto(&desk.url(page))?;
        let outline = text(&browser, OUTLINE)?;
        ensure!(outline.is_empty(), "{page}: {outline}");
        for scheme in ["light", "dark"] {
            let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
            browser.cdp("Emulation.setEmulatedMedia", features)?;
            let contrast = text(&browser, CONTRAST)?;
            ensure!(contrast.is_empty(), "{page} in {scheme}: too little contrast: {contrast}");
            picture(&browser, &format!("{}-{scheme}", page.replace(['/', '?', '='], "_")))?;
        }
        fits_a_phone(&browser).map_err(|error| error.context(page))?;
        picture(&browser, &format!("{}-phone", page.replace(['/', '?', '='], "_")))?;
    }
    no_complaints(&browser)
}

/// Where the focus is, and whether it can be seen there.
const FOCUS: &str = "const e = document.activeElement; const style = getComputedStyle(e); \
     const box = e.getBoundingClientRect(); \
     const seen = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && box.width > 0 && box.right > 0; \
     return e === document.body ? 'body' : `${seen ? 'seen' : 'not seen'} ${e.id || e.textContent.trim() || e.getAttribute('aria-label')}`";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keyboard_reaches_everything_and_is_seen_everywhere() -> Result<()> {
    let desk = rack().await?;
    let browser = Browser::open()?;
    log_in(&desk, &browser)?;
    for page in ["/", "/machines/node07", "/machines/node07/wipe", "/leases"] {
        browser.goto(&desk.url(page))?;
        if ["/", "/machines/node07"].contains(&page) {
            watched(&browser)?;
        }
        let controls = "return [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, \
                        [tabindex]')].filter(e => e.checkVisibility() && !e.disabled && e.tabIndex >= 0).length";
        let controls: usize = serde_json::from_value(browser.run(controls, json!([]))?)?;
        let first = tabbed(&browser)?;
        ensure!(first == "seen Skip to content", "{page}: the first stop is `{first}`");
        // Once around: what is left out is not reached, and a trap never comes back to the beginning.
        let mut stops = 1;
        loop {
            let stop = tabbed(&browser)?;
            if stop == "body" || stop == first {
                break;
            }
            ensure!(stop.starts_with("seen "), "{page}: the focus is {stop}");
            stops += 1;
            ensure!(stops <= 2 * controls, "{page}: the keyboard does not come back from `{stop}`");
        }
        ensure!(stops >= controls, "{page}: {stops} stops for {controls} controls");
    }

    // A verb from end to end without a mouse.
    browser.goto(&desk.url("/machines/node07"))?;
    watched(&browser)?;
    tab_to(&browser, "seen hold")?;
    browser.key("Enter")?;
    browser.shows("#status .state", "available, held")?;
    browser.goto(&desk.url("/"))?;
    watched(&browser)?;
    tab_to(&browser, "seen Choose node07")?;
    browser.key("Space")?;
    browser.shows("#ticked", "1 ticked")?;
    no_complaints(&browser)
}

fn tab_to(browser: &Browser, wanted: &str) -> Result<()> {
    for _ in 0..200 {
        if tabbed(browser)? == wanted {
            return Ok(());
        }
    }
    bail!("200 tabs do not lead to `{wanted}`")
}

/// Where the next press of the key leads.
fn tabbed(browser: &Browser) -> Result<String> {
    browser.key("Tab")?;
    text(browser, FOCUS)
}
