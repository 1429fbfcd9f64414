//! The list of machines: as an address narrows it, a page at a time.

use axum::extract::{Query, State};
use axum::response::Html;
use web::{Choices, Filter, RackView};

use super::Trouble;
use super::session::Session;
use crate::app::App;
use crate::clock;
use crate::cluster;
use crate::listing::{self, Found, Listing};
use crate::store::Result;

/// Machines on one page.
pub const ROWS: usize = 200;

pub type Pairs = Query<Vec<(String, String)>>;

pub async fn rack(
    State(app): State<App>,
    session: Session,
    Query(pairs): Pairs,
) -> std::result::Result<Html<String>, Trouble> {
    let mut filter = Filter::read(&pairs);
    let Listing { ids, counts, racks } = listed(&app, &filter).await?;
    let (page, shown) = listing::window(&ids, filter.page, ROWS);
    filter.page = page;
    let machines = app.views_of(shown).await?;
    let choices = Choices {
        profiles: app.site.profiles.keys().cloned().collect(),
        clusters: app.site.clusters.keys().cloned().collect(),
        labels: app.store.label_keys().await?,
        racks,
    };
    let clusters = cluster::list(&app).await?;
    let view = RackView {
        machines: &machines,
        clusters: &clusters,
        filter: &filter,
        counts: &counts,
        choices: &choices,
        rows: ROWS,
    };
    Ok(Html(web::rack_page(view, &session.visitor, clock::now())?))
}

/// All machines that a filter means.
pub async fn listed(app: &App, filter: &Filter) -> Result<Listing> {
    let mut found = Found::default();
    for word in filter.search.split_whitespace() {
        found.words.push(app.store.found(word).await?);
    }
    for selector in filter.selectors() {
        let labels = app.store.labelled(&selector.key).await?;
        found.labels.push((selector, labels));
    }
    listing::list(&app.store.lines().await?, filter, &found)
}
