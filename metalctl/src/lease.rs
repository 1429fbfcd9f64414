//! The verbs of `metalctl lease`.

use api::client::Client;
use api::machine::Reservation;

use crate::args::site::LeaseVerb;
use crate::clock::now;
use crate::exit::{Exit, Failure};
use crate::output::Io;
use crate::render;

pub async fn run(verb: LeaseVerb, client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
    match verb {
        LeaseVerb::List => list(client, io).await,
        LeaseVerb::Reserve { mac, address } => {
            let kept =
                client.reserve(Reservation { mac, address }).await.map_err(|error| refused(error.into()))?;
            match io.json {
                true => io.json(&kept)?,
                false => io.data(&format!("{address} is kept for {mac}"))?,
            }
            Ok(Exit::Done)
        }
        LeaseVerb::Unreserve { mac } => {
            client.unreserve(mac).await?;
            io.say(&format!("Nothing is kept for {mac} any more"))?;
            Ok(Exit::Done)
        }
    }
}

async fn list(client: &Client, io: &mut Io<'_>) -> Result<Exit, Failure> {
    let leases = client.leases().await?;
    if io.json {
        io.json(&leases)?;
    } else if leases.is_empty() {
        io.say("No address was asked for yet")?;
    } else {
        io.data(&render::leases::table(&leases, now(), io.paint()))?;
    }
    Ok(Exit::Done)
}

/// What is wrong with an address lies in the site file or in another reservation.
fn refused(failure: Failure) -> Failure {
    let hint =
        failure.hint.or(Some("`metalctl lease list` shows who has which address, and for whom".into()));
    Failure { hint, ..failure }
}
