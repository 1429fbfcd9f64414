//! A whole server without sockets, with all that it keeps in one folder, put together as `metald` does it at its start.

use std::sync::Arc;

use server::app::App;
use server::bmc::bmcs::Bmcs;
use server::ca::Authority;
use server::cluster::Clusters;
use server::config::Site;
use server::images::Images;
use server::seal::Seal;
use server::store::Store;
use tempfile::TempDir;

pub async fn app(folder: &TempDir, site: Site) -> App {
    let path = folder.path();
    App {
        store: store(folder).await,
        images: Images::load(&path.join("images")),
        authority: Arc::new(Authority::open(path, &site.name).unwrap()),
        seal: Arc::new(Seal::open(path).unwrap()),
        site: Arc::new(site),
        clusters: Clusters::default(),
        bmcs: Bmcs::default(),
    }
}

/// The folder's database, opened anew: what a server finds that is started again.
pub async fn store(folder: &TempDir) -> Store {
    Store::open(&format!("sqlite://{}/db", folder.path().display())).await.unwrap()
}
