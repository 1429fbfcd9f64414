//! What can be typed about users and the audit log.

use std::path::PathBuf;

use api::user::Role;
use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub enum UserVerb {
    /// Make a token for somebody; it is shown this once
    Add {
        user: String,
        /// What the user may do
        #[arg(long, value_enum)]
        role: RoleWord,
        /// How many days the token lasts; without it, until it is revoked
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
        days: Option<u32>,
        /// Where to write the token, readable by you alone; else it is printed
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// All users: role, since when, until when
    List,
    /// End a user's token and all sessions of the dashboard that began with it
    Revoke { user: String },
}

/// Which entries of the audit log.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// What this user did
    #[arg(long)]
    pub user: Option<String>,
    /// What was done to this machine, cluster or user
    #[arg(long, value_name = "NAME")]
    pub of: Option<String>,
    /// How many entries, at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=1000))]
    pub limit: i64,
}

/// How a [`Role`] is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoleWord {
    /// Sees everything that is no secret, and changes nothing
    Viewer,
    /// Runs the rack
    Operator,
    /// Also users, other people's installs, and what cannot be taken back
    Admin,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Role {
        match word {
            RoleWord::Viewer => Role::Viewer,
            RoleWord::Operator => Role::Operator,
            RoleWord::Admin => Role::Admin,
        }
    }
}
