//! From the connection's arguments to a client that believes one CA.

use std::path::Path;

use api::client::Client;

use crate::args::connection::Connection;
use crate::exit::{Exit, Failure};

impl Connection {
    pub fn client(&self) -> Result<Client, Failure> {
        let ca = read(&self.ca, "the server's CA certificate", "--ca or METALCTL_CA")?;
        let token = read(&self.token_file, "the operator's token", "--token-file or METALCTL_TOKEN_FILE")?;
        Ok(Client::new(&self.server, &ca, None)?.with_token(&token))
    }
}

fn read(path: &Path, what: &str, setting: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|e| {
        Failure::new(
            Exit::Usage,
            format!("cannot read {what} from `{}`: {e}", path.display()),
            format!("{setting} names another file; on the server both lie in its state folder"),
        )
    })
}
