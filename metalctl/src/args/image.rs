//! What machines are made into, and of what: profiles and images.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum ProfileVerb {
    /// All profiles
    List,
    /// A profile with all that it leads to: layout, disk rule, cluster
    Show { profile: String },
    /// What two profiles have different; ends with 8 where there is something
    Diff { one: String, other: String },
}

#[derive(Debug, Subcommand)]
pub enum ImageVerb {
    /// All images
    List,
    /// An image with its files
    Show { image: String },
    /// Read images again and compare them with their digests; all of them where none is named
    Verify { images: Vec<String> },
    /// Bring a folder, as `images/build` makes it, to the server
    Import { folder: PathBuf },
    /// Delete an image that no profile names
    Delete {
        image: String,
        /// Without asking
        #[arg(long)]
        yes: bool,
    },
}
