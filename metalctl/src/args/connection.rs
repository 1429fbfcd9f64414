//! How the server is reached.

use std::path::PathBuf;

/// Which server, believed by which CA, as whom. The defaults fit the server's own host.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Connection")]
pub struct Connection {
    /// The server's address
    #[arg(long, global = true, value_name = "URL", env = "METALCTL_SERVER")]
    #[arg(default_value = "https://127.0.0.1:8443")]
    pub server: String,
    /// The server's CA certificate, the only one believed
    #[arg(long, global = true, value_name = "FILE", env = "METALCTL_CA")]
    #[arg(default_value = "/var/lib/metald/ca.pem")]
    pub ca: PathBuf,
    /// A file that holds the operator's token
    #[arg(long, global = true, value_name = "FILE", env = "METALCTL_TOKEN_FILE")]
    #[arg(default_value = "/var/lib/metald/operator.token")]
    pub token_file: PathBuf,
}
