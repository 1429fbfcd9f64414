//! The server's stream of changes, opened again whenever it ends.

use std::time::Duration;

use api::client::{Client, Error, Stream};
use api::routes::operator;

use crate::exit::{Exit, Failure};
use crate::output::Io;

/// Before connecting again.
const REST: Duration = Duration::from_secs(2);

/// Why a stream is not listened to any more.
pub enum Lost {
    Server(Error),
    Here(Failure),
}

impl<E: Into<Failure>> From<E> for Lost {
    fn from(error: E) -> Lost {
        Lost::Here(error.into())
    }
}

/// Listens to one connection after the other. Ends when interrupted, when nobody reads any more, or when the server
/// refuses us.
pub async fn keep(
    client: &Client,
    io: &mut Io<'_>,
    mut listen: impl AsyncFnMut(&mut Io<'_>, Stream) -> Result<(), Lost>,
) -> Result<Exit, Failure> {
    let mut connected = false;
    loop {
        let ended = match client.stream(operator::EVENTS).await {
            Ok(stream) => {
                connected = true;
                listen(io, stream).await
            }
            Err(error) => Err(Lost::Server(error)),
        };
        match ended {
            Ok(()) => {}
            // Before the first answer an address is more likely wrong than down.
            Err(Lost::Server(Error::Unreachable { cause, .. })) if connected => {
                io.say(&format!("The server does not answer ({cause}); trying again"))?;
            }
            Err(Lost::Server(error)) => return Err(error.into()),
            Err(Lost::Here(failure)) => return Err(failure),
        }
        tokio::time::sleep(REST).await;
    }
}
